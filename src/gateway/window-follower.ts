import * as v from 'valibot';
import type { Clock } from '../core/contracts.ts';
import { isJsonObject, parseJson, stringField } from '../core/json.ts';
import { readText, type UpstreamResponse } from '../core/upstream.ts';
import { createWatchdog } from '../core/watchdog.ts';
import {
  aliveIntervalMs,
  internalPaths,
  type OwnerIdentity,
  type SessionRequest,
  type WindowCallResult,
  type WindowEvent,
} from '../core/window-protocol.ts';
import { createNonce, createSealedChannel, isProofOf, proveIdentity } from '../server/sealed.ts';
import type { Transport } from '../upstream/transport.ts';
import { parseSseEvent, SseSplitter } from '../wire/sse.ts';

const identityTimeoutMs = 2_000;
const answerBytes = 16 * 1024 * 1024;

export interface FollowerOptions {
  readonly controlSecret: string;
  readonly version: string;
  readonly transport: Transport;
  readonly clock: Clock;
  /** `http://127.0.0.1:<port>` of the owner. */
  readonly url: string;
  readonly port: number;
}

/** A conversation with the owner of the port. */
export interface Follower {
  readonly owner: OwnerIdentity;
  /** Runs a control call in the owner. Rejects with the owner's own words. */
  call(method: string, args: readonly unknown[]): Promise<unknown>;
  /** The owner's events until it goes; ends when the connection does, or after three missed signs of life. */
  events(signal: AbortSignal): AsyncGenerator<WindowEvent, void>;
}

const identitySchema = v.object({
  name: v.literal('qwen-proxy'),
  version: v.string(),
  mode: v.picklist(['editor', 'headless']),
  pid: v.number(),
  proof: v.string(),
});
const sessionSchema = v.object({ session: v.string(), nonce: v.string() });
const isWindowEvent = (value: unknown): value is WindowEvent => isJsonObject(value) && typeof value.type === 'string';
const isCallResult = (value: unknown): value is WindowCallResult =>
  isJsonObject(value) && typeof value.ok === 'boolean';

/**
 * Asks who holds the port and begins a conversation with it, if it is a window of this install.
 * @returns `undefined` for a stranger: another program, another editor, a headless server.
 */
export async function followOwner(options: FollowerOptions): Promise<Follower | undefined> {
  const { controlSecret, transport, url, port, clock } = options;
  const send = async (path: string, body: unknown, signal: AbortSignal) => {
    const response = await transport.send(
      {
        method: body === undefined ? 'GET' : 'POST',
        url: url + path,
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      },
      signal,
    );
    const answer = parseJson(await readText(response.body, answerBytes));
    if (response.status !== 200) throw new Error(`The owner of the port answered ${response.status}.`);
    return answer;
  };

  const nonce = createNonce();
  const asked = await send(
    `${internalPaths.identity}?nonce=${nonce}`,
    undefined,
    AbortSignal.timeout(identityTimeoutMs),
  ).catch(() => undefined);
  const identity = v.safeParse(identitySchema, asked);
  if (!identity.success) return undefined;
  const owner = identity.output;
  if (!isProofOf(controlSecret, { role: 'owner', port, pid: owner.pid, nonce }, owner.proof)) return undefined;

  const own = createNonce();
  const claim = { role: 'follower', port, pid: process.pid, nonce: own } as const;
  const introduction: SessionRequest = {
    nonce: own,
    pid: process.pid,
    port,
    version: options.version,
    proof: proveIdentity(controlSecret, claim),
  };
  const { session, nonce: ownerNonce } = v.parse(
    sessionSchema,
    await send(internalPaths.session, introduction, AbortSignal.timeout(identityTimeoutMs)),
  );
  const channel = createSealedChannel(controlSecret, {
    self: 'follower',
    nonces: { owner: ownerNonce, follower: own },
  });

  /** The owner is gone: what it was asked has no answer any more. */
  const ended = new AbortController();
  return {
    owner,
    async call(method, args) {
      // A probe or a poll of the device flow may take its time; what hangs longer is not coming.
      const answer = await send(
        internalPaths.call,
        { session, sealed: channel.seal({ method, args }) },
        AbortSignal.any([AbortSignal.timeout(60_000), ended.signal]),
      ).catch((error) => {
        throw new Error('The window that served has closed. Try again in a moment.', { cause: error });
      });
      const result = channel.open(isJsonObject(answer) ? (stringField(answer, 'sealed') ?? '') : '');
      if (!isCallResult(result)) throw new Error('The other window gave no answer.');
      if (!result.ok) throw new Error(result.message);
      return result.value;
    },
    async *events(signal) {
      const hung = new AbortController();
      const watchdog = createWatchdog(clock, 3 * aliveIntervalMs, () =>
        hung.abort(new Error('The owner of the port does not answer any more.')),
      );
      const splitter = new SseSplitter();
      let response: UpstreamResponse | undefined;
      try {
        response = await transport.send(
          {
            method: 'GET',
            url: `${url}${internalPaths.events}?session=${session}`,
            headers: { accept: 'text/event-stream' },
          },
          AbortSignal.any([signal, hung.signal]),
        );
        if (response.status !== 200) throw new Error(`The owner of the port answered ${response.status}.`);
        for await (const read of response.body) {
          watchdog.touch();
          for (const bytes of splitter.push(Buffer.from(read))) {
            const event = channel.open(parseSseEvent(bytes).data);
            if (isWindowEvent(event)) yield event;
          }
        }
      } finally {
        watchdog.stop();
        response?.body.destroy();
        ended.abort(new Error('The conversation is over.'));
      }
    },
  };
}
