import type { Dispatcher } from 'undici';
import type { ByteStream } from '../core/upstream.ts';

/** So many bytes may wait here for their reader before the upstream is told to wait. */
const highWaterBytes = 64 * 1024;

/** `queueMicrotask` makes an `AsyncResource` for each call, which costs three times as much. */
const settled = Promise.resolve();

/**
 * The body of an answer between undici's parser and its one reader. A Node `Readable` in that place queues a tick and two
 * promises for every piece, and hands the pieces of one socket read over one by one, where here they come as one.
 */
export class ResponseBody implements ByteStream {
  readonly #controller: Dispatcher.DispatchController;
  #read: Buffer | undefined;
  /** What came behind it, which is rare. */
  #more: Buffer[] | undefined;
  #bytes = 0;
  /** Why no more comes, once that is so. */
  #end: { readonly error?: Error } | undefined;
  #wake: (() => void) | undefined;

  constructor(controller: Dispatcher.DispatchController) {
    this.#controller = controller;
  }

  push(read: Buffer): void {
    // undici says with an empty piece that it goes on after a pause.
    if (read.length === 0 || this.#end !== undefined) return;
    // No array for each read: V8 takes what such places make for long-lived when streams begin, and it is not.
    if (this.#read === undefined) this.#read = read;
    else {
      this.#more ??= [];
      this.#more.push(read);
    }
    this.#bytes += read.length;
    if (this.#bytes >= highWaterBytes) this.#controller.pause();
    this.#notify();
  }

  /** No more comes; what came before is still read, and then the error is thrown, if there is one. */
  close(error?: Error): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#notify();
  }

  /** All has come and been read. */
  get isOver(): boolean {
    return this.#end !== undefined && this.#read === undefined;
  }

  /** Gives up what has not been read, and the connection with it where the answer was still coming. */
  destroy(reason: Error = new Error('The body was given up.')): void {
    this.#forget();
    const isComing = this.#end === undefined;
    if (isComing) this.#end = { error: reason };
    this.#notify();
    if (isComing) this.#controller.abort(reason);
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return {
      next: async () => {
        // The rest of what the socket brought comes before whoever waits here goes on.
        if (this.#read === undefined && this.#end === undefined)
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        const value = this.#take();
        if (value !== undefined) return { value, done: false };
        if (this.#end?.error !== undefined) throw this.#end.error;
        return { value: undefined, done: true };
      },
      return: async () => {
        this.destroy();
        return { value: undefined, done: true };
      },
    };
  }

  flow(onRead: (read: Buffer) => Promise<void> | undefined, isEnough: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const pump = (): void => {
        try {
          while (!isEnough()) {
            const read = this.#take();
            if (read === undefined) {
              if (this.#end === undefined) {
                // The rest of what the socket brought comes before this goes on.
                this.#wake = () => void settled.then(pump);
                return;
              }
              if (this.#end.error !== undefined) throw this.#end.error;
              break;
            }
            const room = onRead(read);
            if (room !== undefined) {
              room.then(pump, reject);
              return;
            }
          }
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      pump();
    });
  }

  #take(): Buffer | undefined {
    const first = this.#read;
    if (first === undefined) return undefined;
    const taken = this.#more === undefined ? first : Buffer.concat([first, ...this.#more], this.#bytes);
    const wasFull = this.#bytes >= highWaterBytes;
    this.#forget();
    // Goes on at once with what waits in the socket.
    if (wasFull && this.#end === undefined) this.#controller.resume();
    return taken;
  }

  #forget(): void {
    this.#read = undefined;
    this.#more = undefined;
    this.#bytes = 0;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
