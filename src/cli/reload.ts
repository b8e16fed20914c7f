import type { Logger } from '../core/contracts.ts';
import { messageOf } from '../core/message-of.ts';
import { fileStamp } from '../core/private-file.ts';
import { type Configuration, readConfiguration } from './environment.ts';
import { isSameTeam } from './team-settings.ts';
import { t } from './translate.ts';

const watchIntervalMs = 500;

export interface ReloadOptions {
  readonly current: () => Configuration;
  /** Takes the new configuration over. */
  readonly adopt: (next: Configuration) => Promise<void>;
  readonly logger: Logger;
}

/**
 * Reads the configuration again on SIGHUP, and when one of its files changed. One that is wrong is told and not taken;
 * what is open goes on. Host and port stay as they are: to move would cut every stream.
 * @returns a function that ends it
 */
export function reloadOnChange({ current, adopt, logger }: ReloadOptions): () => void {
  const stampAll = async () => (await Promise.all(current().files.map(fileStamp))).join('\n');
  let seen: string | undefined;
  let turn: Promise<void> = Promise.resolve();

  const reload = async () => {
    seen = await stampAll();
    const before = current();
    let next: Configuration;
    try {
      next = readConfiguration();
    } catch (error) {
      for (const line of messageOf(error).split('\n'))
        logger.error('The configuration is not taken.', { reason: line });
      return;
    }
    const { host, port } = before.settings;
    if (next.settings.host !== host || (next.settings.port !== port && next.settings.port !== 0))
      logger.warn('HOST and PORT change with the next start.');
    if (!isSameTeam(next.team, before.team)) logger.warn('REDIS_URL and what goes with it change with the next start.');
    await adopt({ ...next, settings: { ...next.settings, host, port } });
    if (next.logFormat === 'json') logger.info('The configuration was read again.');
    else process.stderr.write(`${t('The configuration was read again.')}\n`);
  };
  const inTurn = (work: () => Promise<void>) => {
    turn = turn.then(work).catch((error) => logger.error('The reload failed.', { reason: String(error) }));
  };
  const onHangUp = () => inTurn(reload);
  inTurn(async () => {
    seen = await stampAll();
  });
  const timer = setInterval(
    () =>
      inTurn(async () => {
        if ((await stampAll()) !== seen) await reload();
      }),
    watchIntervalMs,
  ).unref();
  process.on('SIGHUP', onHangUp);
  return () => {
    clearInterval(timer);
    process.off('SIGHUP', onHangUp);
  };
}
