import type { IncomingMessage } from 'node:http';
import type { AnsweredState, RecordedRequest } from './contract.ts';
import { bearerOf } from './credentials.ts';

/** Every request as it came in, and how each ended. */
export class RequestLog {
  #requests: RecordedRequest[] = [];
  #answered = new Map<string, number>();
  readonly #keep: number;
  readonly #onChange: () => void;

  constructor(keep: number, onChange: () => void) {
    this.#keep = keep;
    this.#onChange = onChange;
  }

  get requests(): readonly RecordedRequest[] {
    return this.#requests;
  }

  open(request: IncomingMessage, path: string): RecordedRequest {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const record: RecordedRequest = {
      at: Date.now(),
      method: request.method ?? '',
      path,
      headers,
      body: undefined,
      rawBody: '',
      key: bearerOf(request.headers),
      answered: 'open',
      status: 0,
    };
    this.#requests.push(record);
    if (this.#requests.length > this.#keep) this.#requests.shift();
    this.#onChange();
    return record;
  }

  settle(record: RecordedRequest, state: AnsweredState): void {
    this.#count(record, -1);
    record.answered = state;
    this.#count(record, 1);
    if (state === 'aborted') record.abortedAtMs = Date.now();
    this.#onChange();
  }

  answered(key?: string): number {
    if (key !== undefined) return this.#answered.get(key) ?? 0;
    return [...this.#answered.values()].reduce((sum, count) => sum + count, 0);
  }

  clear(): void {
    this.#requests = [];
    this.#answered.clear();
  }

  #count(record: RecordedRequest, change: number): void {
    if (
      record.answered !== 'complete' ||
      record.key === undefined ||
      !/\/(?:chat\/completions|v1\/messages)$/.test(record.path)
    )
      return;
    this.#answered.set(record.key, (this.#answered.get(record.key) ?? 0) + change);
  }
}
