import { messageOf } from '../core/message-of.ts';
import { homeDirectory } from '../gateway/main.ts';
import { readConfiguration } from './environment.ts';
import { createFileKeys } from './file-keys.ts';
import { withProxy } from './host.ts';
import { reloadOnChange } from './reload.ts';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

const drainMs = 5_000;

/**
 * Serves until SIGTERM or SIGINT, then lets open answers run for 5 s at most. The first line of stdout is
 * `listening on http://…`; the example line shows the key on a terminal only.
 */
export async function serve({ check }: { readonly check?: boolean } = {}): Promise<number> {
  if (check) return checkConfiguration();
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  return withProxy(async (proxy, host) => {
    const { keys, logger } = host;
    const { settings } = host.configuration;
    await keys.read();
    const fileKeys =
      host.team &&
      (await createFileKeys(host.directory)
        .read()
        .catch(() => []));
    if (fileKeys !== undefined && fileKeys.length > 0)
      logger.warn('The keys in keys.json do not count in a team: add them anew with "keys add".');
    keys.watch((error) => logger.error('The client keys stay as they were.', { reason: messageOf(error) }));
    const { state, url, problem, accounts } = await proxy.start();
    if (state !== 'serving' || url === undefined) {
      process.stderr.write(`${problem?.message ?? t('The server could not start.')}\n`);
      if (problem?.code === 'port_taken')
        process.stderr.write(`${t('Stop that program, or choose another port: PORT=0 takes a free one.')}\n`);
      return 1;
    }
    process.stdout.write(`listening on ${url}\n`);
    const isTerminal = process.stdout.isTTY === true;
    // Off a terminal the key stays out of logs; the line works all the same.
    const key = isTerminal ? await proxy.localKey() : `$("${process.execPath}" "${process.argv[1]}" key)`;
    const authorization = settings.apiKeys === 'off' ? '' : ` -H "Authorization: Bearer ${key}"`;
    const names = accounts.filter((account) => account.enabled).map((account) => account.label);
    process.stdout.write(
      `${names.length === 0 ? t('no account yet: qwen-openai-proxy accounts add --help') : t('accounts: {0}', names.join(', '))}\n` +
        `${t('try')}: curl -N ${url}/v1/chat/completions${authorization} -H 'Content-Type: application/json' ` +
        `-d '{"model":"${settings.defaultModel}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'\n`,
    );
    const stopReloading = reloadOnChange({
      current: () => host.configuration,
      adopt: async (next) => {
        host.configuration = next;
        await proxy.updateSettings(next.settings);
      },
      logger,
    });
    await stopped;
    stopReloading();
    await proxy.stop({ drainMs });
    return 0;
  });
}

/** `serve --check`: reads everything that `serve` would, and serves nothing. */
async function checkConfiguration(): Promise<number> {
  const { settings, environment, team } = readConfiguration();
  // A team has its client keys in Redis, which is not asked.
  if (team === undefined)
    await createFileKeys(homeDirectory(environment))
      .read()
      .catch((error) => {
        throw new UsageError(messageOf(error), { cause: error });
      });
  process.stdout.write(`${t('The configuration is right: it serves on {0}.', `${settings.host}:${settings.port}`)}\n`);
  return 0;
}
