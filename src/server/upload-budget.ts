import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../core/errors.ts';
import { formatBytes } from './format-bytes.ts';

/** When to come back: uploads and short answers are over within moments. */
const retryAfterMs = 1_000;

/**
 * The bytes of all request bodies together, unpacked: of those that are coming in and of those whose requests are being
 * answered. Without it a hundred bodies, each within its own limit, could take gigabytes.
 */
export interface UploadBudget {
  /** @throws GatewayError `too_many_requests` where a body of so many bytes could not be taken now. */
  check(announcedBytes: number): void;
  /**
   * Counts a part of a body that came in; whoever takes gives back, with {@link hold} or {@link giveBack}.
   * @returns the refusal, where it is more than all bodies together may be; it is counted all the same
   */
  take(bytes: number): GatewayError | undefined;
  giveBack(bytes: number): void;
  /** Leaves what was taken with the request until its {@link release}. */
  hold(request: IncomingMessage, bytes: number): void;
  /** Gives back what the request holds; at its end, whatever that was. */
  release(request: IncomingMessage): void;
  /** All that is taken now. */
  readonly takenBytes: number;
}

/** @param limitBytes asked for each time: it is a setting */
export function createUploadBudget(limitBytes: () => number): UploadBudget {
  /** Of the body that each request holds. Not a `Map`, which would keep requests in the tables that it outgrew, see `Slots`. */
  const held = new WeakMap<IncomingMessage, number>();
  let takenBytes = 0;
  const refusal = () =>
    new GatewayError('too_many_requests', `All request bodies together are larger than ${formatBytes(limitBytes())}.`, {
      retryAfterMs,
    });
  return {
    check(announcedBytes) {
      if (takenBytes + announcedBytes > limitBytes()) throw refusal();
    },
    take(bytes) {
      takenBytes += bytes;
      return takenBytes > limitBytes() ? refusal() : undefined;
    },
    giveBack(bytes) {
      takenBytes -= bytes;
    },
    hold(request, bytes) {
      held.set(request, (held.get(request) ?? 0) + bytes);
    },
    release(request) {
      const bytes = held.get(request);
      if (bytes === undefined) return;
      held.delete(request);
      takenBytes -= bytes;
    },
    get takenBytes() {
      return takenBytes;
    },
  };
}
