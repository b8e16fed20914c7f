import { hash } from 'node:crypto';
import { isJsonObject, type JsonObject, objectField, objectItems, stringField } from '../core/json.ts';

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
  return digest(`first\n${model ?? ''}\n${textOf(content)}`);
}

/** Cache marks are left out, and a text in one part is that text: both change while the conversation goes on. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  const [only, ...others]: readonly unknown[] = Array.isArray(content) ? content : [];
  if (isJsonObject(only) && typeof only.text === 'string' && others.length === 0) return only.text;
  return JSON.stringify(content, (name, value: unknown) => (name === 'cache_control' ? undefined : value));
}

/** Keys are kept in memory and shown in no log, but a digest keeps them short, whatever a client sends. */
function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}
