import { readdir, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { Account } from '../accounts/account.ts';
import type { LinkedCredentials } from '../accounts/linked-credentials.ts';
import type { AccountStore } from '../accounts/store.ts';
import type { Clock } from '../core/contracts.ts';
import type { AccountSummary, ProbeVerdict, ProxyControl } from '../core/control.ts';
import { toGatewayError } from '../core/errors.ts';
import { InputError } from '../core/input-error.ts';
import { newId, newPlace, takenId } from './account-input.ts';

export interface AccountLinksOptions {
  readonly store: AccountStore;
  readonly clock: Clock;
  readonly linked: LinkedCredentials;
  readonly probe: (account: Account) => Promise<ProbeVerdict>;
  readonly summarise: (account: Account) => AccountSummary;
  /** Where qwen-code keeps its files; `~/.qwen` unless told. */
  readonly qwenDirectory?: string;
}

const credentialFile = /^oauth_creds(?:_([\w.-]+))?\.json$/;

/** Accounts whose tokens stay in qwen-code's own files. */
export function createAccountLinks(options: AccountLinksOptions): Pick<ProxyControl, 'linkableFiles' | 'linkAccount'> {
  const { store, clock, linked } = options;
  const directory = options.qwenDirectory ?? join(homedir(), '.qwen');
  const linkedFiles = () =>
    store.list().flatMap((account) => (account.kind === 'oauth-device' ? [account.linkedFile ?? []].flat() : []));

  const linkableFiles = async (): Promise<readonly string[]> => {
    const names = await readdir(directory).catch((): string[] => []);
    const files = await Promise.all(names.filter((name) => credentialFile.test(name)).map((name) => place(name)));
    const free: string[] = [];
    for (const file of files.toSorted()) {
      const isUsable = await linked.read(file).then(
        () => true,
        () => false,
      );
      if (isUsable && !linkedFiles().includes(file)) free.push(file);
    }
    return free;
  };
  /** One name for a file, so that two accounts cannot be linked to it by different ones. */
  const place = async (file: string): Promise<string> => {
    const path = resolve(directory, file);
    return realpath(path).catch(() => path);
  };
  const chooseFile = async (asked: string | undefined): Promise<string> => {
    if (asked !== undefined) return place(resolve(asked));
    const [only, ...others] = await linkableFiles();
    if (only === undefined) throw new InputError(`There is no sign-in file in ${directory} to link.`);
    if (others.length > 0)
      throw new InputError(`There are several sign-in files; name one of them: ${[only, ...others].join(', ')}.`);
    return only;
  };

  return {
    linkableFiles,
    async linkAccount(input) {
      const file = await chooseFile(input.file ?? undefined);
      if (linkedFiles().includes(file)) throw new InputError(`An account is linked to ${file} already.`);
      await linked.read(file).catch((error: unknown) => {
        throw new InputError(toGatewayError(error).message);
      });
      const name = credentialFile.exec(basename(file))?.[1]?.toLowerCase();
      const id = newId(store, input.id ?? undefined, name === undefined ? 'qwen-code' : `qwen-code-${name}`);
      const account: Account = {
        ...newPlace({ store, clock }, id, undefined),
        plan: 'oauth',
        kind: 'oauth-device',
        secret: { accessToken: '', refreshToken: '', expiresAtMs: 0 },
        linkedFile: file,
      };
      if (!(await store.add(account))) throw takenId(id);
      return { account: options.summarise(account), verdict: await options.probe(account) };
    },
  };
}
