import { kindOf } from '../accounts/kinds/kind.ts';
import type { JsonObject } from '../core/json.ts';
import type { UpstreamResponse } from '../core/upstream.ts';
import type { Attempt } from './attempt.ts';
import type { ChatLaneOptions } from './chat-lane.ts';
import { sendWatched, withCredential } from './send.ts';

export interface Post {
  /** Below the account's OpenAI base, as in `/embeddings`. */
  readonly path: string;
  readonly body: JsonObject;
  readonly accept: 'application/json' | 'text/event-stream';
  readonly signal: AbortSignal;
}

/** Posts a body with the credential of an attempt's account, and with a renewed one where `read` finds that refused. */
export function createPost(options: ChatLaneOptions) {
  return <T>(
    { lease, exchange }: Pick<Attempt, 'lease' | 'exchange'>,
    { path, body, accept, signal }: Post,
    read: (response: UpstreamResponse) => Promise<T>,
  ): Promise<T> => {
    const kind = kindOf(options.kinds, lease.account);
    const text = JSON.stringify(body);
    return withCredential(kind, signal, async (credential) => {
      const request = {
        method: 'POST',
        url: credential.endpoints.openai + path,
        headers: {
          authorization: credential.authorization,
          'content-type': 'application/json',
          accept,
          // Plan hosts gate by tool: the caller's own name goes along, none is made up.
          'user-agent': exchange.userAgent ?? options.userAgent,
          ...exchange.traceHeaders,
        },
        body: text,
      } as const;
      return read(await sendWatched(kind.send ?? options.transport.send, request, { ...options, signal }));
    });
  };
}
