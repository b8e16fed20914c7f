import { anthropicBase, type ClientSetting, type ClientWire, openAiBase } from './client.ts';
import { readError } from './error-message.ts';
import { readAll, sendRequest } from './http-request.ts';

/** What a client would have got. */
export interface ClientVerdict {
  readonly ok: boolean;
  /** The plan answers accepted coding tools only: the way is right, and only the client itself can show more. */
  readonly isForToolsOnly: boolean;
  /** Why not, one sentence. */
  readonly message: string;
  readonly durationMs: number;
}

const codingToolsOnly = /\bcoding (agents|tools)\b/i;
const question = 'Answer with the word ok.';
const maxTokens = 16;
const timeoutMs = 60_000;

/** Path below the base URL that a client is given, and a small request of its shape. */
function requestOf(wire: ClientWire, model: string): { readonly path: string; readonly body: object } {
  switch (wire) {
    case 'chat':
      return {
        path: '/chat/completions',
        body: { model, max_tokens: maxTokens, messages: [{ role: 'user', content: question }] },
      };
    case 'responses':
      return { path: '/responses', body: { model, max_output_tokens: maxTokens, input: question, store: false } };
    case 'messages':
      return {
        path: '/v1/messages',
        body: { model, max_tokens: maxTokens, messages: [{ role: 'user', content: question }] },
      };
  }
}

/** One real request over the URL, key and model that a client has, in that client's API. It costs some tokens. */
export async function verifyClient(
  wire: ClientWire,
  { baseUrl, key, model }: Required<ClientSetting>,
  { userAgent, now }: { readonly userAgent: string; readonly now: () => number },
): Promise<ClientVerdict> {
  const { path, body } = requestOf(wire, model);
  const startedMs = now();
  const verdict = (fields: Omit<ClientVerdict, 'durationMs'>) => ({ ...fields, durationMs: now() - startedMs });
  try {
    const answer = await sendRequest({
      method: 'POST',
      url: `${baseUrl}${path}`,
      headers: {
        authorization: `Bearer ${key}`,
        'user-agent': userAgent,
        ...(wire === 'messages' && { 'anthropic-version': '2023-06-01' }),
      },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readAll(answer);
    if (answer.statusCode === 200) return verdict({ ok: true, isForToolsOnly: false, message: '' });
    const { message, code } = readError(answer.statusCode ?? 0, text);
    // Anthropic's shape has no code for it.
    const isForToolsOnly = code === 'client_rejected' || (code === 'permission_error' && codingToolsOnly.test(message));
    return verdict({ ok: false, isForToolsOnly, message });
  } catch (error) {
    return verdict({
      ok: false,
      isForToolsOnly: false,
      message: error instanceof Error ? error.message : String(error),
    });
  }
}

/** The base URL that clients of this API are given. */
export const baseUrlOf = (wire: ClientWire, origin: string): string =>
  wire === 'messages' ? anthropicBase({ origin }) : openAiBase({ origin });
