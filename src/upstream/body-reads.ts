import type { Clock } from '../core/contracts.ts';
import { GatewayError } from '../core/errors.ts';
import type { ByteStream } from '../core/upstream.ts';
import { createWatchdog } from '../core/watchdog.ts';
import { classifyTransportError } from './transport-errors.ts';

/** After the last event the rest of the body is waited for this long, so that its connection can serve again. */
const lingerMs = 500;

export interface BodyReadOptions {
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Without a byte for this long the upstream counts as stalled. There is no limit on the whole answer. */
  readonly idleMs: number;
}

/** An answer's body, read by hand. End it with {@link BodyReads.abandon} or {@link BodyReads.linger}. */
export interface BodyReads {
  /**
   * The next bytes; `undefined` at the end.
   * @throws GatewayError `upstream_timeout` after a silence, or what the transport failure means; the signal's reason when it aborted.
   */
  next(): Promise<Buffer | undefined>;
  /**
   * Hands every read over until there are no more, or enough. Where that returns a promise the next one waits for it.
   * @throws as `next` does, and what the promise rejects with.
   */
  each(onRead: (read: Buffer) => Promise<void> | undefined, isEnough: () => boolean): Promise<void>;
  /** Gives up what has not been read, and the connection with it. */
  abandon(): void;
  /** Takes the rest for what it is, nothing: reads on for a moment in the background, then gives up. */
  linger(): void;
}

/** Reads with an idle watchdog. Time in which nobody asks for the next bytes is not the upstream's silence. */
export function readBody(body: ByteStream, { signal, clock, idleMs }: BodyReadOptions): BodyReads {
  const iterator = body[Symbol.asyncIterator]();
  let isWaiting = false;
  let isStalled = false;
  const destroy = () => void body.destroy();
  const watchdog = createWatchdog(clock, idleMs, () => {
    if (!isWaiting) return;
    isStalled = true;
    destroy();
  });
  const release = () => {
    signal.removeEventListener('abort', destroy);
    watchdog.stop();
  };
  signal.addEventListener('abort', destroy, { once: true });
  if (signal.aborted) destroy();

  const meaningOf = (error: unknown): unknown => {
    if (signal.aborted) return signal.reason;
    return isStalled ? stalled(idleMs, error) : classifyTransportError(error);
  };
  const next = async (): Promise<Buffer | undefined> => {
    watchdog.touch();
    isWaiting = true;
    try {
      const read = await iterator.next();
      if (signal.aborted) throw signal.reason;
      if (isStalled) throw new Error('The body was given up.');
      if (read.done) return undefined;
      return Buffer.isBuffer(read.value) ? read.value : Buffer.from(read.value);
    } catch (error) {
      throw meaningOf(error);
    } finally {
      isWaiting = false;
    }
  };

  const each: BodyReads['each'] = async (onRead, isEnough) => {
    if (body.flow === undefined) return loopOver(next)(onRead, isEnough);
    const wait = async (room: Promise<void>) => {
      isWaiting = false;
      try {
        await room;
      } finally {
        watchdog.touch();
        isWaiting = true;
      }
    };
    watchdog.touch();
    isWaiting = true;
    try {
      await body.flow((read) => {
        watchdog.touch();
        if (signal.aborted) throw signal.reason;
        const room = onRead(Buffer.isBuffer(read) ? read : Buffer.from(read));
        return room === undefined ? undefined : wait(room);
      }, isEnough);
      if (signal.aborted) throw signal.reason;
      if (isStalled) throw stalled(idleMs);
    } catch (error) {
      throw meaningOf(error);
    } finally {
      isWaiting = false;
    }
  };

  const abandon = () => {
    release();
    destroy();
  };

  return {
    next,
    each,
    abandon,
    linger() {
      if (body.isOver === true) return release();
      const stopWaiting = clock.after(lingerMs, abandon);
      void next()
        .then(async (read) => {
          // Trailing blank lines are nothing; an upstream that goes on talking is not waited for.
          if (read !== undefined && read.length < 1024) read = await next();
          if (read !== undefined) destroy();
        })
        .catch(() => {})
        .finally(() => {
          stopWaiting();
          release();
        });
    },
  };
}

/** A body that has been read already, as one read. */
export function oneRead(bytes: Buffer): BodyReads {
  let left: Buffer | undefined = bytes;
  const next = async () => {
    const read = left;
    left = undefined;
    return read;
  };
  return { next, each: loopOver(next), abandon() {}, linger() {} };
}

/** {@link BodyReads.each} by {@link BodyReads.next}. */
function loopOver(next: BodyReads['next']): BodyReads['each'] {
  return async (onRead, isEnough) => {
    while (!isEnough()) {
      const read = await next();
      if (read === undefined) return;
      await onRead(read);
    }
  };
}

/** What an upstream's silence means, before its headers or between two reads. */
export function stalled(idleMs: number, cause?: unknown): GatewayError {
  return new GatewayError('upstream_timeout', `Qwen sent nothing for ${Math.round(idleMs / 1000)} seconds.`, { cause });
}

/** Reads a body to its end as text, up to `limitBytes`; what failed or is longer is left out, and the connection given up. */
export async function readTextOf(reads: BodyReads, limitBytes: number): Promise<{ text: string; failure?: unknown }> {
  const parts: Buffer[] = [];
  let bytes = 0;
  let failure: unknown;
  try {
    while (bytes < limitBytes) {
      const read = await reads.next();
      if (read === undefined) break;
      parts.push(read);
      bytes += read.length;
    }
  } catch (error) {
    failure = error;
  } finally {
    reads.abandon();
  }
  const text = Buffer.concat(parts).subarray(0, limitBytes).toString('utf8');
  return failure === undefined ? { text } : { text, failure };
}
