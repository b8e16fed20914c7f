import type { Logger } from '../core/contracts.ts';
import type { ProxySnapshot } from '../core/control.ts';
import { makePrivateDirectory } from '../core/private-file.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { createHostedProxy, homeDirectory } from '../gateway/main.ts';
import { readEnvironment } from './environment.ts';
import { createFileSecrets } from './file-secrets.ts';
import { joinTeam } from './team.ts';

/** Version of the build, written in by the bundler; absent when run from the sources. */
declare const QWEN_PROXY_VERSION: string | undefined;
export const version = typeof QWEN_PROXY_VERSION === 'string' ? QWEN_PROXY_VERSION : '0.0.0-source';

/** Log lines on stderr, so that stdout stays for answers. */
function createStderrLogger(isVerbose: boolean): Logger {
  const line =
    (level: string): Logger['info'] =>
    (message, fields) => {
      const facts = Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
      process.stderr.write(`${new Date().toISOString()} ${level} ${message}${facts.join('')}\n`);
    };
  const silent = () => {};
  return {
    debug: isVerbose ? line('debug') : silent,
    info: isVerbose ? line('info') : silent,
    warn: line('warn'),
    error: line('error'),
  };
}

/** Runs `work` on a proxy over this home's files, and closes it whatever happens. */
export async function withProxy<Result>(
  work: (proxy: HostedProxy) => Promise<Result>,
  options: { readonly onSnapshot?: (snapshot: ProxySnapshot) => void } = {},
): Promise<Result> {
  const settings = readEnvironment();
  const directory = homeDirectory(process.env);
  await makePrivateDirectory(directory);
  const logger = createStderrLogger(settings.debugLog);
  const team = await joinTeam(process.env, directory, logger);
  const files = createFileSecrets(directory);
  const proxy = createHostedProxy({
    settings,
    stateDirectory: directory,
    version,
    mode: 'headless',
    secrets: team?.secrets ?? files,
    ...(team && { team }),
    logger,
    environment: process.env,
    ...options,
  });
  try {
    return await work(proxy);
  } finally {
    files.close();
    await proxy.dispose();
    await team?.close();
  }
}
