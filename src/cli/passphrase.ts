import { UsageError } from './environment.ts';
import type { Terminal } from './terminal.ts';

/** The variable that holds the passphrase for scripts. */
export const passphraseVariable = 'QWEN_PROXY_PASSPHRASE';

/** The passphrase: from the environment, else asked for (twice where a typo would lock the user out), else stdin. */
export async function readPassphrase(
  terminal: Terminal,
  { isNew, environment = process.env }: { readonly isNew: boolean; readonly environment?: NodeJS.ProcessEnv },
): Promise<string> {
  const given = environment[passphraseVariable];
  if (given) return given;
  const passphrase = terminal.isInteractive
    ? await terminal.ask('Passphrase (it is not shown): ', { hidden: true })
    : await terminal.readAll();
  if (passphrase === '') throw new UsageError(`The passphrase is empty: give it on stdin or as ${passphraseVariable}.`);
  if (isNew && terminal.isInteractive && (await terminal.ask('Once more: ', { hidden: true })) !== passphrase)
    throw new UsageError('The two passphrases differ.');
  return passphrase;
}
