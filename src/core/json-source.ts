import { isJsonObject, type JsonObject } from './json.ts';
import type { BodyInPieces } from './upstream.ts';

/**
 * The bytes that a request's body came in, kept beside the object that was parsed from them. They are given back by hand:
 * left to the collector, each megabyte of them cost 1.4 ms of collecting the whole heap and of fresh memory (bench,
 * `long-native`).
 */
interface Source {
  readonly bytes: Buffer;
  /** Sendings of bodies that are made of these bytes, and may not be over. */
  lent: number;
}

/** Shorter bodies are left to the collector. */
const smallestBytes = 16_384;

const sources = new WeakMap<JsonObject, Source>();

/** Remembers the bytes that an object was parsed from. They must not change. */
export function rememberSource(value: unknown, bytes: Buffer): void {
  if (bytes.length >= smallestBytes && isJsonObject(value)) sources.set(value, { bytes, lent: 0 });
}

export function sourceOf(value: JsonObject): Buffer | undefined {
  return sources.get(value)?.bytes;
}

/** A body of pieces that lie in the bytes of `value`, which are not given back while it is sent. */
export function bodyFromSource(value: JsonObject, pieces: readonly Buffer[]): BodyInPieces {
  const source = sources.get(value);
  return {
    pieces,
    lend() {
      if (source !== undefined) source.lent += 1;
      return () => {
        if (source !== undefined) source.lent -= 1;
      };
    },
  };
}

/** Leaves the bytes to the collector: somebody reads on when the request is over. */
export function keepSource(value: JsonObject): void {
  sources.delete(value);
}

/**
 * Gives the bytes back, at the end of the request: texts that nobody has read by then cannot be read any more. Where a
 * body that was made of them may still be written from they are left to the collector, which knows.
 */
export function releaseSource(value: JsonObject): void {
  const source = sources.get(value);
  if (source === undefined || source.lent > 0) return;
  sources.delete(value);
  giveBack(source.bytes);
}

/** Frees memory at once that nobody reads any more, where these bytes are all of it. */
export function giveBack({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
