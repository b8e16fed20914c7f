import { isObject, type JsonObject, objectsOf } from './json.ts';
import type { ModelFacts } from './model-facts.ts';
import { jsonReply, type Reply } from './reply.ts';

/** A refusal in Anthropic's envelope. */
export function messagesRefusal(status: number, type: string, message: string): Reply {
  return jsonReply(status, { type: 'error', error: { type, message } });
}

const invalid = (message: string) => messagesRefusal(400, 'invalid_request_error', message);

/** The fields that Model Studio documents for this surface; what it does with others was not recorded, so they are refused. */
const knownFields = new Set([
  'model',
  'messages',
  'system',
  'max_tokens',
  'stream',
  'temperature',
  'top_p',
  'top_k',
  'tools',
  'tool_choice',
  'thinking',
  'stop_sequences',
  'metadata',
]);
const knownBlocks = new Set(['text', 'image', 'thinking', 'redacted_thinking', 'tool_use', 'tool_result']);

/** The first thing that is wrong with a Messages body; `undefined` where nothing is. @param key whose signatures are known. */
export function refuseMessages(body: JsonObject, model: ModelFacts, key: string): Reply | undefined {
  const unknown = Object.keys(body).find((name) => !knownFields.has(name));
  if (unknown !== undefined) return invalid(`${unknown}: Extra inputs are not permitted`);
  if (!Array.isArray(body.messages) || body.messages.length === 0) return invalid('messages: Field required');
  const limit = body.max_tokens;
  if (typeof limit !== 'number' || limit < 1) return invalid('max_tokens: Field required');
  if (model.maxOutput !== null && limit > model.maxOutput)
    return invalid(`Range of max_tokens should be [1, ${model.maxOutput}]`);
  return refuseThinking(body) ?? refuseTools(body) ?? refuseContents(body, model, key);
}

function refuseThinking({ thinking }: JsonObject): Reply | undefined {
  if (thinking === undefined) return undefined;
  if (isObject(thinking) && (thinking.type === 'enabled' || thinking.type === 'disabled')) return undefined;
  return invalid("thinking.type: Input should be 'enabled' or 'disabled'");
}

function refuseTools({ tools }: JsonObject): Reply | undefined {
  const index = objectsOf(tools).findIndex(({ name, input_schema: schema, type = 'custom' }) => {
    return type !== 'custom' || typeof name !== 'string' || name === 'search' || !isObject(schema);
  });
  return index === -1 ? undefined : invalid(`tools.${index}: Input should be a valid custom tool`);
}

function refuseContents(body: JsonObject, model: ModelFacts, key: string): Reply | undefined {
  for (const [index, { role, content }] of objectsOf(body.messages).entries()) {
    if (role !== 'user' && role !== 'assistant')
      return invalid(`messages.${index}.role: Input should be 'user' or 'assistant'`);
    for (const [place, block] of objectsOf(content).entries()) {
      const here = `messages.${index}.content.${place}`;
      if (!knownBlocks.has(String(block.type))) return invalid(`${here}.type: Input tag '${block.type}' is not known`);
      if (block.type === 'image' && model.vision === false) return invalid(`${here}: ${model.id} takes no images`);
      if (block.type === 'thinking' && block.signature !== signatureOf(key))
        return invalid(`${here}.signature: Invalid signature in thinking block`);
    }
  }
  return undefined;
}

/** How the surface signs thinking for one credential. */
export const signatureOf = (key: string): string => `sig-${Buffer.from(key).toString('base64url')}==`;
