import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { styleText } from 'node:util';
import type { AccountSummary } from '../core/control.ts';
import { isJsonObject, parseJson } from '../core/json.ts';
import { isLoopbackHost } from '../core/loopback-host.ts';
import { messageOf } from '../core/message-of.ts';
import { withFix } from '../core/with-fix.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';
import { stateText } from './accounts.ts';
import { type Configuration, readConfiguration } from './environment.ts';
import { type Host, version, withProxy } from './host.ts';
import { displayWidth } from './table.ts';
import { printJson } from './terminal.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

/** What was looked at, and what is to be done about it. `warn` serves all the same. */
interface Check {
  readonly name: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
}

const portTimeoutMs = 3_000;

export interface DoctorOptions {
  readonly json?: boolean;
  /** Asks no upstream. */
  readonly offline?: boolean;
}

/** `doctor`: configuration, files, port and every account, one line each. Exit 1 where something stands in the way, 2 where it is the configuration. */
export async function examine({ json, offline = false }: DoctorOptions): Promise<number> {
  let configuration: Configuration;
  try {
    configuration = readConfiguration();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const lines = error.message.split('\n');
    show(
      lines.map((message) => ({ name: t('configuration'), state: 'fail', message })),
      json,
    );
    return 2;
  }
  const checks = await withProxy(async (proxy, host) => [
    {
      name: t('program'),
      state: 'ok' as const,
      message: `qwen-openai-proxy ${version}, Node ${process.versions.node}`,
    },
    await checkConfiguration(configuration),
    ...(await checkFiles(host)),
    await checkPort(configuration),
    await checkKeys(host),
    ...(await checkAccounts(proxy, offline)),
  ]);
  show(checks, json);
  return checks.some(({ state }) => state === 'fail') ? 1 : 0;
}

const signs = {
  ok: () => styleText('green', '✓', { stream: process.stdout }),
  warn: () => styleText('yellow', '!', { stream: process.stdout }),
  fail: () => styleText('red', '✗', { stream: process.stdout }),
};

function show(checks: readonly Check[], json: boolean | undefined): void {
  if (json) {
    printJson(checks);
    return;
  }
  const width = Math.max(...checks.map(({ name }) => displayWidth(name)));
  for (const { name, state, message } of checks)
    process.stdout.write(`${signs[state]()} ${name}${' '.repeat(width - displayWidth(name))}  ${message}\n`);
}

async function checkConfiguration({ settings, files }: Configuration): Promise<Check> {
  const name = t('configuration');
  const readable = await Promise.all(files.map(async (path) => ((await isOpenToOthers(path)) ? path : undefined)));
  const [open] = readable.filter((path) => path !== undefined);
  if (open !== undefined)
    return { name, state: 'warn', message: t('Others can read {0}: chmod 600, if it holds a key.', open) };
  const { host, adminKey } = settings;
  if (!isLoopbackHost(host) && adminKey === undefined)
    return { name, state: 'warn', message: t('Without ADMIN_KEY nobody reads /metrics on {0}.', host) };
  return { name, state: 'ok', message: files.map((path) => basename(path)).join(', ') };
}

async function checkFiles({ directory }: Host): Promise<readonly Check[]> {
  const name = t('folder');
  const { mode } = await stat(directory);
  const open = (mode & 0o077) !== 0;
  const secrets = ['accounts.json', 'keys.json'].map((file) => join(directory, file));
  const exposed = (await Promise.all(secrets.map(isOpenToOthers))).flatMap((is, index) =>
    is ? (secrets[index] ?? []) : [],
  );
  return [
    open
      ? { name, state: 'warn', message: t('Others can read {0}: chmod 700.', directory) }
      : { name, state: 'ok', message: directory },
    ...exposed.map((path): Check => ({ name, state: 'fail', message: t('Others can read {0}: chmod 600.', path) })),
  ];
}

const isOpenToOthers = (path: string) =>
  process.platform === 'win32'
    ? Promise.resolve(false)
    : stat(path).then(
        ({ mode }) => (mode & 0o077) !== 0,
        () => false,
      );

/** Who answers there, if anybody does. */
async function checkPort({ settings }: Configuration): Promise<Check> {
  const { host, port } = settings;
  const name = t('port');
  if (port === 0) return { name, state: 'ok', message: t('any free one') };
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const authority = `${reachable.includes(':') && !reachable.startsWith('[') ? `[${reachable}]` : reachable}:${port}`;
  try {
    const response = await fetch(`http://${authority}/health`, { signal: AbortSignal.timeout(portTimeoutMs) });
    const body = parseJson(await response.text());
    if (isJsonObject(body) && body.name === 'qwen-proxy')
      return { name, state: 'ok', message: t('{0}: Qwen Proxy {1} serves', authority, String(body.version)) };
    return { name, state: 'fail', message: t('{0} is used by another program.', authority) };
  } catch (error) {
    const { cause } = error instanceof Error ? error : { cause: undefined };
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    return code === 'ECONNREFUSED'
      ? { name, state: 'ok', message: t('{0} is free', authority) }
      : { name, state: 'fail', message: t('{0} is used by another program.', authority) };
  }
}

async function checkKeys({ keys }: Host): Promise<Check> {
  const name = t('client keys');
  try {
    return { name, state: 'ok', message: t('{0} with names', (await keys.read()).length) };
  } catch (error) {
    return { name, state: 'fail', message: messageOf(error) };
  }
}

async function checkAccounts(proxy: HostedProxy, offline: boolean): Promise<readonly Check[]> {
  const accounts = (await proxy.snapshot()).accounts.filter((account) => account.createdAtMs > 0);
  if (accounts.length === 0)
    return [
      {
        name: t('accounts'),
        state: 'warn',
        message: t('No account yet. Add one with: qwen-openai-proxy accounts add --id ID'),
      },
    ];
  return Promise.all(accounts.map((account) => checkAccount(proxy, account, offline)));
}

async function checkAccount(proxy: HostedProxy, account: AccountSummary, offline: boolean): Promise<Check> {
  const { id, state, reason, enabled } = account;
  if (!enabled || offline) {
    const isFine = state === 'ready' || !enabled;
    return {
      name: id,
      state: isFine ? 'ok' : 'warn',
      message: [stateText(state), ...(reason ? [reason] : [])].join(': '),
    };
  }
  const verdict = await proxy.testAccount(id);
  const isHarmless = verdict.needsBilledTest === true || verdict.code === 'client_rejected';
  return { name: id, state: verdict.ok ? 'ok' : isHarmless ? 'warn' : 'fail', message: withFix(verdict) };
}
