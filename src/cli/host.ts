import type { Logger, SecretStore } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { makePrivateDirectory } from '../core/private-file.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { createHostedProxy, homeDirectory } from '../gateway/main.ts';
import { type Configuration, readConfiguration } from './environment.ts';
import { createFileKeys, type FileKeys } from './file-keys.ts';
import { createFileSecrets } from './file-secrets.ts';
import { createStderrLogger } from './logger.ts';
import { joinTeam } from './team.ts';

/** Version of the build, written in by the bundler; absent when run from the sources. */
declare const QWEN_PROXY_VERSION: string | undefined;
export const version = typeof QWEN_PROXY_VERSION === 'string' ? QWEN_PROXY_VERSION : '0.0.0-source';

/** What a command works with, beside its proxy. */
export interface Host {
  configuration: Configuration;
  readonly directory: string;
  readonly secrets: SecretStore;
  readonly keys: FileKeys;
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
  const keys = createFileKeys(directory);
  const logger = createStderrLogger({
    format: () => host.configuration.logFormat,
    isVerbose: () => host.configuration.settings.debugLog,
  });
  const files = createFileSecrets(directory);
  const team = await joinTeam(configuration, directory);
  const secrets = team?.secrets ?? files;
  const host: Host = { configuration, directory, secrets, keys, logger };
  const proxy = createHostedProxy({
    settings: configuration.settings,
    stateDirectory: directory,
    version,
    mode: 'headless',
    secrets: changeSecrets(secrets),
    ...(team && { team }),
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
