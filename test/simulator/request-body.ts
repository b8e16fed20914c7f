import type { IncomingMessage } from 'node:http';
import { parseJson } from './json.ts';
import { catalogueReply } from './refusal.ts';
import type { Reply } from './reply.ts';

/** Qwen's gateway refuses larger bodies; the exact limit was not recorded (reports say 6 to 10 MB). */
const bodyLimitBytes = 10 * 1024 * 1024;

/** A request's body, or the refusal of one that is too large. */
export interface RequestBody {
  readonly text: string;
  /** JSON or form fields; `undefined` if it is neither. */
  readonly parsed: unknown;
  readonly tooLarge?: Reply;
}

/** Reads a body to its end; rejects if the client goes away meanwhile. */
export async function readBody(request: IncomingMessage): Promise<RequestBody> {
  const buffers: Buffer[] = [];
  let bytes = 0;
  for await (const buffer of request) {
    bytes += buffer.length;
    // The rest is read and dropped: an answer in the middle of an upload is lost to most clients.
    if (bytes <= bodyLimitBytes) buffers.push(buffer);
  }
  if (bytes > bodyLimitBytes) return { text: '', parsed: undefined, tooLarge: catalogueReply(62) };
  const text = Buffer.concat(buffers).toString('utf8');
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  return { text, parsed: isForm ? Object.fromEntries(new URLSearchParams(text)) : parseJson(text) };
}
