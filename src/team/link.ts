import { createClient } from '@redis/client';
import type { Disposable, Event, Logger } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';

/** A lost server is asked again after this at first, then less often. */
const firstPauseMs = 50;
export const longestPauseMs = 1_000;
const connectTimeoutMs = 3_000;
const pingMs = 2_000;
/** A server that says nothing for this long, pings included, is lost. */
const silenceMs = 6_000;

export interface LinkOptions {
  readonly url: string;
  /** Before every key and channel. */
  readonly prefix: string;
  readonly logger: Logger;
}

/** The connection to Redis, made again whenever it is lost. Commands reject at once while it is. */
export interface RedisLink {
  readonly isUp: boolean;
  /** When it was last made or lost, epoch milliseconds. */
  readonly sinceMs: number;
  /** The connection is there again, subscriptions included; not fired for the first one. */
  readonly onDidReconnect: Event<void>;
  /** How many commands were sent, for the benchmark. */
  readonly commands: number;
  key(name: string): string;
  send(...command: readonly string[]): Promise<unknown>;
  /** Commands that take effect together. */
  sendAll(commands: readonly (readonly string[])[]): Promise<void>;
  subscribe(name: string, listener: (message: string) => void): Promise<Disposable>;
  close(): void;
}

/** Connects; rejects where the server cannot be reached now. The URL, which may hold a password, is in no message. */
export async function connectRedis({ url, prefix, logger }: LinkOptions): Promise<RedisLink> {
  const reconnected = createEmitter<void>();
  let isUp = false;
  let sinceMs = Date.now();
  let wasUp = false;
  let isClosed = false;
  let commands = 0;
  let refusal: Error | undefined;
  const client = createClient({
    url,
    name: 'qwen-proxy',
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    pingInterval: pingMs,
    socket: {
      connectTimeout: connectTimeoutMs,
      socketTimeout: silenceMs,
      reconnectStrategy(retries, cause) {
        if (wasUp) return Math.min(firstPauseMs * 2 ** retries, longestPauseMs);
        // The first connection is the caller's to try again.
        refusal ??= cause;
        return false;
      },
    },
  });
  // Commands and subscriptions do not share one: messages would come between the answers of a transaction.
  const hearing = client.duplicate();
  const lose = (reason: unknown) => {
    if (!isUp) return;
    isUp = false;
    sinceMs = Date.now();
    if (!isClosed) logger.warn('Redis is lost; this replica goes on with what it knows.', { reason: codeOf(reason) });
  };
  const rise = () => {
    if (isUp || !client.isReady || !hearing.isReady) return;
    isUp = true;
    sinceMs = Date.now();
    if (wasUp) {
      logger.info('Redis is back.');
      reconnected.fire();
    }
    wasUp = true;
  };
  for (const connection of [client, hearing]) {
    connection.on('error', lose);
    connection.on('end', () => lose('end'));
    connection.on('reconnecting', () => lose('reconnecting'));
    connection.on('ready', rise);
  }
  try {
    await Promise.all([client.connect(), hearing.connect()]);
  } catch (error) {
    for (const connection of [client, hearing]) if (connection.isOpen) connection.destroy();
    throw new Error(`Redis cannot be reached (${codeOf(refusal ?? error)}). Check REDIS_URL and that the server runs.`);
  }

  return {
    get isUp() {
      return isUp;
    },
    get sinceMs() {
      return sinceMs;
    },
    get commands() {
      return commands;
    },
    onDidReconnect: reconnected.event,
    key: (name) => prefix + name,
    async send(...command) {
      commands++;
      return client.sendCommand(command);
    },
    async sendAll(all) {
      commands += all.length + 2;
      const transaction = client.multi();
      for (const command of all) transaction.addCommand([...command]);
      await transaction.exec();
    },
    async subscribe(name, listener) {
      const channel = prefix + name;
      await hearing.subscribe(channel, listener);
      return { dispose: () => void hearing.unsubscribe(channel, listener).catch(() => {}) };
    },
    close() {
      isClosed = true;
      for (const connection of [client, hearing]) if (connection.isOpen) connection.destroy();
    },
  };
}

/** What went wrong in one word: messages of the client may hold the address. */
function codeOf(error: unknown): string {
  if (typeof error === 'string') return error;
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  // One attempt for each address of a host name.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  if (!(error instanceof Error)) return 'unknown';
  // `WRONGPASS …`, `NOAUTH …`: Redis begins its refusals with a word of its own.
  return /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? error.constructor.name;
}
