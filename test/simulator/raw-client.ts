import { type Agent, type IncomingHttpHeaders, request } from 'node:http';
import { isObject, type JsonObject, parseJson } from './json.ts';

/** An answer as it arrived, byte for byte, also if it broke off. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The parsed body; an empty object if it is no JSON object. */
  readonly json: JsonObject;
  /** The `error` object of the body, if it has one. */
  readonly error: JsonObject;
  /** Payloads of the data lines, `[DONE]` left out. */
  readonly events: readonly JsonObject[];
  /** How many reads it took. */
  readonly reads: number;
  readonly end: 'clean' | 'broken';
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
  /** Shares connections; without it the request brings one of its own. */
  readonly agent?: Agent;
  readonly onRead?: (text: string) => void;
}

/** One request, over a connection of its own unless told, with nothing decoded and no header added. */
export function send(
  url: string,
  { method = 'POST', headers = {}, body = '', signal, agent, onRead }: RawRequest,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { 'content-length': String(Buffer.byteLength(body)), ...headers },
      agent: agent ?? false,
    };
    const outgoing = request(url, { ...options, ...(signal ? { signal } : {}) }, (response) => {
      const reads: Buffer[] = [];
      const finish = (end: RawAnswer['end']) => {
        resolve({
          ...decode(Buffer.concat(reads)),
          status: response.statusCode ?? 0,
          headers: response.headers,
          reads: reads.length,
          end,
        });
      };
      response.on('data', (read: Buffer) => {
        reads.push(read);
        onRead?.(read.toString());
      });
      response.on('end', () => finish('clean'));
      response.on('error', () => finish('broken'));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function decode(bytes: Buffer): Pick<RawAnswer, 'bytes' | 'text' | 'json' | 'error' | 'events'> {
  const text = bytes.toString();
  const parsed = parseJson(text);
  const json = isObject(parsed) ? parsed : {};
  const events = [...text.matchAll(/^data: ?(.*?)\r?$/gm)].map((line) => parseJson(line[1] ?? '')).filter(isObject);
  return { bytes, text, json, error: isObject(json.error) ? json.error : {}, events };
}
