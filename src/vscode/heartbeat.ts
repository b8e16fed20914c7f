import type { Clock, Logger } from '../core/contracts.ts';
import type { ServerConnection } from './server-connection.ts';

/** A thread that leaves a question open for so many pauses more is blocked; long work of a healthy one takes a second or two. */
const missedHeartbeats = 4;
const defaultHeartbeatMs = 5_000;

/**
 * Ends a server that does not answer any more, so that it is started again like one that died. The pauses are those of
 * this thread: while it is blocked itself, or the machine sleeps, nothing is missed, because an answer that has come is
 * read before the next pause begins.
 */
export async function endWhenSilent(
  { ping, ended, terminate }: Pick<ServerConnection, 'ping' | 'ended' | 'terminate'>,
  options: {
    readonly clock: Clock;
    readonly heartbeatMs: number | undefined;
    readonly signal: AbortSignal;
    readonly logger: Logger;
  },
): Promise<void> {
  const { clock, heartbeatMs = defaultHeartbeatMs, logger } = options;
  const over = new AbortController();
  void ended.then(() => over.abort());
  const signal = AbortSignal.any([over.signal, options.signal]);
  try {
    let missed = 0;
    let isAnswered = true;
    while (true) {
      if (isAnswered) {
        isAnswered = false;
        missed = 0;
        void ping().then(
          () => {
            isAnswered = true;
          },
          () => {},
        );
      } else if (++missed > missedHeartbeats) break;
      await clock.sleep(heartbeatMs, signal);
    }
  } catch {
    // It ended, or was told to.
    return;
  }
  logger.error('The server does not answer any more and is ended');
  await terminate();
}
