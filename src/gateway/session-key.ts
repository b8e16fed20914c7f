import { hash } from 'node:crypto';
import { type JsonObject, objectField, objectItems, stringField } from '../core/json.ts';

/**
 * The conversation a request belongs to: a session header, `metadata.user_id`, `prompt_cache_key`, else the first user
 * message with the model. System prompt and tools are left out on purpose: they are the same in every conversation of a
 * client, which would put them all on one account (kiro2cc #27).
 */
export function sessionKey(
  header: string | undefined,
  body: JsonObject,
  model: string | undefined,
): string | undefined {
  const named =
    header ?? stringField(objectField(body, 'metadata') ?? {}, 'user_id') ?? stringField(body, 'prompt_cache_key');
  if (named !== undefined) return digest(`named\n${named}`);
  const first = [...objectItems(body, 'messages'), ...objectItems(body, 'input')].find(
    (message) => message.role === 'user',
  );
  const content = first?.content ?? body.input;
  if (content === undefined || content === '') return undefined;
  return digest(`first\n${model ?? ''}\n${typeof content === 'string' ? content : JSON.stringify(content)}`);
}

/** Keys are kept in memory and shown in no log, but a digest keeps them short, whatever a client sends. */
function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
