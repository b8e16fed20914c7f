import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { messageOf } from '../core/message-of.ts';
import {
  aliveIntervalMs,
  type OwnerIdentity,
  type WindowCall,
  type WindowCallResult,
  type WindowEvent,
} from '../core/window-protocol.ts';
import { createNonce, createSealedChannel, isProofOf, proveIdentity, type SealedChannel } from './sealed.ts';

export interface WindowOwnerOptions {
  readonly controlSecret: string;
  readonly port: () => number;
  readonly identity: Pick<OwnerIdentity, 'version' | 'mode'>;
  /** What a follower gets first, and again whenever it changed. */
  readonly firstEvents: () => Promise<readonly WindowEvent[]>;
  /** Runs a follower's control call. */
  readonly call: (call: WindowCall) => Promise<unknown>;
}

/** The owner's side of the windows' conversation. */
export interface WindowOwner {
  /** Who serves here, proved for this nonce. */
  identity(nonce: string): OwnerIdentity;
  /**
   * Begins a conversation with a follower; the body is parsed JSON.
   * @throws GatewayError `forbidden` without the proof that it belongs to this install.
   */
  openSession(body: unknown): JsonObject;
  /** Runs a sealed control call of a conversation, and seals what came of it; the body is parsed JSON. */
  call(body: unknown): Promise<JsonObject>;
  /** Keeps the response open and sends it events until it closes. */
  sendEvents(session: string, request: IncomingMessage, response: ServerResponse): Promise<void>;
  broadcast(event: WindowEvent): void;
  /** Followers that listen now. */
  readonly followers: number;
  close(): void;
}

const sessionSchema = v.object({
  nonce: v.pipe(v.string(), v.minLength(16), v.maxLength(128)),
  pid: v.number(),
  port: v.number(),
  version: v.string(),
  proof: v.string(),
});
const callSchema = v.object({ session: v.string(), sealed: v.string() });
const windowCallSchema = v.object({ method: v.string(), args: v.array(v.unknown()) });

/** More windows than anybody has open; the oldest conversation without a listener gives way. */
const maximumSessions = 64;

/** What a follower leaves unread; one that hangs must not fill the owner's memory. */
const unreadBytes = 8 * 1024 * 1024;

interface Listener {
  readonly channel: SealedChannel;
  /** What happened while its first events were gathered. */
  waiting: WindowEvent[] | undefined;
}

export function createWindowOwner(options: WindowOwnerOptions): WindowOwner {
  const { controlSecret } = options;
  const channels = new Map<string, SealedChannel>();
  const listeners = new Map<ServerResponse, Listener>();
  const alive = setInterval(() => broadcast({ type: 'alive' }), aliveIntervalMs);
  alive.unref();

  const send = (response: ServerResponse, { channel }: Listener, event: WindowEvent) => {
    if (response.destroyed || response.writableEnded) return;
    response.write(`data: ${channel.seal(event)}\n\n`);
    // A window that is awake again finds its connection gone and begins anew.
    if (response.writableLength > unreadBytes) response.destroy();
  };
  const broadcast = (event: WindowEvent) => {
    for (const [response, listener] of listeners)
      if (listener.waiting) listener.waiting.push(event);
      else send(response, listener, event);
  };
  const channelOf = (session: string): SealedChannel => {
    const channel = channels.get(session);
    if (channel === undefined) throw new GatewayError('forbidden', 'This conversation is not known here.');
    return channel;
  };

  return {
    identity(nonce) {
      const claim = { role: 'owner', port: options.port(), pid: process.pid, nonce } as const;
      return { name: 'qwen-proxy', ...options.identity, pid: process.pid, proof: proveIdentity(controlSecret, claim) };
    },
    openSession(body) {
      const parsed = v.safeParse(sessionSchema, body);
      if (!parsed.success) throw new GatewayError('forbidden', 'This is no window of this install.');
      const { nonce, pid, port, proof } = parsed.output;
      if (!isProofOf(controlSecret, { role: 'follower', port, pid, nonce }, proof))
        throw new GatewayError('forbidden', 'This is no window of this install.');
      const own = createNonce();
      const session = randomBytes(16).toString('base64url');
      const listening = new Set([...listeners.values()].map(({ channel }) => channel));
      const idle = [...channels].find(([, channel]) => !listening.has(channel));
      if (channels.size >= maximumSessions && idle !== undefined) channels.delete(idle[0]);
      channels.set(
        session,
        createSealedChannel(controlSecret, { self: 'owner', nonces: { owner: own, follower: nonce } }),
      );
      return { session, nonce: own };
    },
    async call(body) {
      const parsed = v.safeParse(callSchema, body);
      if (!parsed.success) throw new GatewayError('forbidden', 'This is no window of this install.');
      const channel = channelOf(parsed.output.session);
      let call: WindowCall;
      try {
        call = v.parse(windowCallSchema, channel.open(parsed.output.sealed));
      } catch (error) {
        throw new GatewayError('forbidden', 'The call was not sealed by a window of this install.', { cause: error });
      }
      let result: WindowCallResult;
      try {
        result = { ok: true, value: await options.call(call) };
      } catch (error) {
        result = { ok: false, message: messageOf(error) };
      }
      return { sealed: channel.seal(result) };
    },
    async sendEvents(session, request, response) {
      const channel = channelOf(session);
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.flushHeaders();
      request.socket.setNoDelay(true);
      // It listens before the first events are gathered: what happens meanwhile waits for them and is not missed.
      const listener: Listener = { channel, waiting: [] };
      listeners.set(response, listener);
      const closed = new Promise<void>((resolve) => response.once('close', resolve));
      try {
        const events = [...(await options.firstEvents()), ...(listener.waiting ?? [])];
        listener.waiting = undefined;
        for (const event of events) send(response, listener, event);
      } catch {
        // The headers are out: an end is the only way left to say so.
        response.destroy();
      }
      if (!response.closed) await closed;
      listeners.delete(response);
      channels.delete(session);
    },
    broadcast,
    get followers() {
      return listeners.size;
    },
    close() {
      clearInterval(alive);
      for (const response of listeners.keys()) response.end();
    },
  };
}
