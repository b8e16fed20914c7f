import type { Terminal } from './terminal.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

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
    ? await terminal.ask(`${t('Passphrase (it is not shown):')} `, { hidden: true })
    : await terminal.readAll();
  if (passphrase === '')
    throw new UsageError(t('The passphrase is empty: give it on stdin or as {0}.', passphraseVariable));
  if (isNew && terminal.isInteractive && (await terminal.ask(`${t('Once more:')} `, { hidden: true })) !== passphrase)
    throw new UsageError(t('The two passphrases differ.'));
  return passphrase;
}
