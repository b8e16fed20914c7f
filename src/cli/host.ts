import type { Logger, SecretStore } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { makePrivateDirectory } from '../core/private-file.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { createHostedProxy, homeDirectory } from '../gateway/main.ts';
import type { ConnectedTeam } from '../team/main.ts';
import { type Configuration, readConfiguration } from './environment.ts';
import { createFileKeys } from './file-keys.ts';
import { createFileLocks } from './file-lock.ts';
import { createFileSecrets } from './file-secrets.ts';
import type { KeyStore } from './key-store.ts';
import { createStderrLogger } from './logger.ts';
import { joinTeam } from './team.ts';
import { createTeamKeys } from './team-keys.ts';

/** Version of the build, written in by the bundler; absent when run from the sources. */
declare const QWEN_PROXY_VERSION: string | undefined;
export const version = typeof QWEN_PROXY_VERSION === 'string' ? QWEN_PROXY_VERSION : '0.0.0-source';

/** What a command works with, beside its proxy. */
export interface Host {
  configuration: Configuration;
  readonly directory: string;
  readonly secrets: SecretStore;
  readonly keys: KeyStore;
  /** The others that serve the same accounts, where there is a team. */
  readonly team?: ConnectedTeam;
  readonly logger: Logger;
}

export interface HostOptions {
  readonly onSnapshot?: (snapshot: ProxySnapshot) => void;
  /** Changes what the proxy is started with. */
  readonly change?: (configuration: Configuration) => Configuration;
  readonly changeSecrets?: (secrets: SecretStore) => SecretStore;
}

/** Runs `work` on a proxy over this home's files, and closes it whatever happens. */
export async function withProxy<Result>(
  work: (proxy: HostedProxy, host: Host) => Promise<Result>,
  { change = (same) => same, changeSecrets = (same) => same, ...options }: HostOptions = {},
): Promise<Result> {
  const configuration = change(readConfiguration());
  const directory = homeDirectory(configuration.environment);
  await makePrivateDirectory(directory);
  const logger = createStderrLogger({
    format: () => host.configuration.logFormat,
    isVerbose: () => host.configuration.settings.debugLog,
  });
  const files = createFileSecrets(directory);
  const team = await joinTeam(configuration, directory);
  const secrets = team?.secrets ?? files;
  const keys = team ? createTeamKeys(team.keys) : createFileKeys(directory);
  const host: Host = { configuration, directory, secrets, keys, logger, ...(team && { team }) };
  const proxy = createHostedProxy({
    settings: configuration.settings,
    stateDirectory: directory,
    version,
    mode: 'headless',
    secrets: changeSecrets(secrets),
    ...(team && { team }),
    exclusively: createFileLocks(directory),
    namedKeys: keys.list,
    logger,
    environment: configuration.environment,
    ...options,
  });
  try {
    return await work(proxy, host);
  } finally {
    files.close();
    keys.close();
    await proxy.dispose();
    await team?.close();
  }
}
