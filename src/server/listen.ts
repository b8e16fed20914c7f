import { tracingChannel } from 'node:diagnostics_channel';
import { type RequestListener, Server } from 'node:http';
import { listen as listhen } from 'listhen';
import { isJsonObject, objectField } from '../core/json.ts';
import { isLoopbackHost } from '../core/loopback-host.ts';
import { limits } from './limits.ts';
import { answerMalformed } from './malformed.ts';

export interface ListenOptions {
  readonly host: string;
  /** 0 = any free port. Another port than the wanted one is never taken. */
  readonly port: number;
  /** At most so many connections at once. */
  readonly connections?: number;
}

/** A bound server. */
export interface Listening {
  readonly port: number;
  /** Frees the port for others; what is open goes on. Idle connections are closed. */
  stopAccepting(): void;
  /** Ends what is still open. Streams should have been ended truthfully before. */
  close(): Promise<void>;
}

/** The wanted port is taken. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

/**
 * Binds through listhen, with its traps closed: it would take another port silently, install signal handlers that exit
 * the process, print and read the environment, and let a lost race for the port become an uncaught error.
 */
export async function listen(listener: RequestListener, options: ListenOptions): Promise<Listening> {
  const { port } = options;
  // For a name that it does not understand, `[::1]` for one, listhen binds localhost instead.
  const host = options.host.replace(/^\[(.*)\]$/, '$1');
  const isPublic = !isLoopbackHost(host);
  const bind = () =>
    listhen(listener, {
      hostname: host,
      // [1, 0] is an empty range: listhen fills in ranges of its own where none is given.
      port:
        port === 0
          ? { port, random: true, host, public: isPublic }
          : { port, portRange: [1, 0], alternativePortRange: [1, 0], random: false, host, public: isPublic },
      autoClose: false,
      public: isPublic,
      showURL: false,
      qr: false,
      open: false,
      clipboard: false,
      tunnel: false,
      isTest: true,
      isProd: false,
    });
  const { server, address } = await withBindErrors(host, bind);
  if (!(server instanceof Server)) throw new Error('listhen did not make an HTTP server.');
  if (port !== 0 && address.port !== port) {
    server.close();
    throw new Error(`Port ${port} cannot be used: browsers refuse it (the Fetch standard’s list of bad ports).`);
  }
  let markClosed = () => {};
  const closed = new Promise<void>((resolve) => {
    markClosed = resolve;
  });
  const { headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, tcpKeepAliveMs, headerBytes } = limits;
  Object.assign(server, {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: headerBytes,
    maxConnections: options.connections ?? limits.connections,
  });
  server.on('connection', (socket) => socket.setKeepAlive(true, tcpKeepAliveMs));
  answerMalformed(server);
  return {
    port: address.port,
    stopAccepting() {
      server.close(() => markClosed());
      server.closeIdleConnections();
    },
    close() {
      if (server.listening) server.close(() => markClosed());
      // listhen's own close() waits for every open stream.
      server.closeAllConnections();
      return closed;
    },
  };
}

/**
 * listhen checks that the port is free and binds afterwards, without an error listener: who loses it in between dies of
 * an uncaught error. Node announces every listen before it happens, which is the moment to listen for errors.
 * https://nodejs.org/api/diagnostics_channel.html#event-tracingnetserverlistenasyncstart
 */
async function withBindErrors<T>(host: string, bind: () => Promise<T>): Promise<T> {
  const channel = tracingChannel('net.server.listen');
  let fail: (error: Error) => void = () => {};
  const bindError = new Promise<never>((_, reject) => {
    fail = reject;
  });
  bindError.catch(() => {});
  const onListen = (message: unknown) => {
    if (!isJsonObject(message) || !(message.server instanceof Server)) return;
    if (objectField(message, 'options')?.host === host) message.server.once('error', (error) => fail(error));
  };
  channel.asyncStart.subscribe(onListen);
  try {
    return await Promise.race([bind(), bindError]);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const isTaken = code === 'EADDRINUSE' || (error instanceof Error && error.name === 'GetPortError');
    if (isTaken) throw new PortTakenError('The port is taken.', { cause: error });
    throw error;
  } finally {
    channel.asyncStart.unsubscribe(onListen);
  }
}
