import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import * as v from 'valibot';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
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
  /** Answers one of the internal routes; the body is parsed JSON, `undefined` for GET. */
  identity(nonce: string): OwnerIdentity;
  openSession(body: unknown): JsonObject;
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

/** More windows than anybody has open; the oldest conversation gives way. */
const maximumSessions = 64;

export function createWindowOwner(options: WindowOwnerOptions): WindowOwner {
  const { controlSecret } = options;
  const channels = new Map<string, SealedChannel>();
  const listeners = new Map<ServerResponse, SealedChannel>();
  const alive = setInterval(() => broadcast({ type: 'alive' }), aliveIntervalMs);
  alive.unref();

  const send = (response: ServerResponse, channel: SealedChannel, event: WindowEvent) =>
    void response.write(`data: ${channel.seal(event)}\n\n`);
  const broadcast = (event: WindowEvent) => {
    for (const [response, channel] of listeners) send(response, channel, event);
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
      const [oldest] = channels.keys();
      if (channels.size >= maximumSessions && oldest !== undefined) channels.delete(oldest);
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
        result = { ok: false, message: error instanceof Error ? error.message : String(error) };
      }
      return { sealed: channel.seal(result) };
    },
    async sendEvents(session, request, response) {
      const channel = channelOf(session);
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.flushHeaders();
      request.socket.setNoDelay(true);
      for (const event of await options.firstEvents()) send(response, channel, event);
      listeners.set(response, channel);
      await new Promise<void>((resolve) => response.once('close', resolve));
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
