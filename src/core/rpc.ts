import { messageOf } from './message-of.ts';
/** Calls over a MessagePort: the editor talks to the server thread, and the server thread to the editor's ports. */

/** The part of a `MessagePort`, `Worker` or `parentPort` that calls need. */
export interface RpcPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;
type RpcMessage =
  | { readonly rpc: 'ping'; readonly id: number }
  | { readonly rpc: 'call'; readonly id: number; readonly method: string; readonly args: readonly unknown[] }
  | { readonly rpc: 'return'; readonly id: number; readonly value: unknown }
  | { readonly rpc: 'throw'; readonly id: number; readonly message: string };

function isRpcMessage(message: unknown): message is RpcMessage {
  return typeof message === 'object' && message !== null && 'rpc' in message && 'id' in message;
}

/** Answers calls that arrive on `port` with the methods of `target`; a thrown error crosses as its message alone. */
export function serveRpc<Api extends object>(port: RpcPort, target: Api): void {
  const methods = target as unknown as Methods;
  port.on('message', async (message) => {
    if (!isRpcMessage(message)) return;
    if (message.rpc === 'ping') port.postMessage({ rpc: 'return', id: message.id, value: undefined });
    if (message.rpc !== 'call') return;
    const { id, method, args } = message;
    try {
      const call = Object.hasOwn(methods, method) ? methods[method] : undefined;
      if (call === undefined) throw new Error(`Unknown call ${method}.`);
      port.postMessage({ rpc: 'return', id, value: await call.apply(target, args as never[]) });
    } catch (error) {
      port.postMessage({ rpc: 'throw', id, message: messageOf(error) });
    }
  });
}

/** A remote `Api`, and the way to fail every call that is still open when the other side is gone. */
export interface RpcClient<Api> {
  readonly api: Api;
  /** Resolves when the other side gets round to answering; what it is busy waiting for does not matter. */
  ping(): Promise<void>;
  abandon(reason: string): void;
}

/**
 * Makes the other side's `Api` callable. Every method of `Api` must return a promise.
 * @param timeoutMs How long a call may stay unanswered; absent = for ever (device-flow polls and probes bring their own).
 */
export function createRpcClient<Api extends object>(port: RpcPort, timeoutMs?: number): RpcClient<Api> {
  let lastId = 0;
  let gone: string | undefined;
  const open = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void; timer: NodeJS.Timeout | undefined }
  >();
  const settle = (id: number) => {
    const call = open.get(id);
    open.delete(id);
    clearTimeout(call?.timer);
    return call;
  };
  port.on('message', (message) => {
    if (!isRpcMessage(message)) return;
    if (message.rpc === 'return') settle(message.id)?.resolve(message.value);
    if (message.rpc === 'throw') settle(message.id)?.reject(new Error(message.message));
  });
  const request = (method: string, message: Readonly<Record<string, unknown>>) =>
    new Promise<unknown>((resolve, reject) => {
      if (gone !== undefined) return reject(new Error(gone));
      const id = ++lastId;
      const timer =
        timeoutMs === undefined
          ? undefined
          : setTimeout(
              () => settle(id)?.reject(new Error(`${method} was not answered within ${timeoutMs} ms.`)),
              timeoutMs,
            );
      timer?.unref();
      open.set(id, { resolve, reject, timer });
      port.postMessage({ ...message, id });
    });
  const api = new Proxy(
    {},
    // `then` must stay absent: an object with it would be taken for a promise and "called" by every await.
    {
      get: (_, method) =>
        typeof method === 'string' && method !== 'then'
          ? (...args: unknown[]) => request(method, { rpc: 'call', method, args })
          : undefined,
    },
  ) as Api;
  return {
    api,
    ping: async () => void (await request('ping', { rpc: 'ping' })),
    abandon(reason) {
      gone = reason;
      for (const id of [...open.keys()]) settle(id)?.reject(new Error(reason));
    },
  };
}
