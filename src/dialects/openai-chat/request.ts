import * as v from 'valibot';
import type { GenerationRequest } from '../../core/dialect.ts';
import { GatewayError } from '../../core/errors.ts';
import { isJsonObject } from '../../core/json.ts';
import type { ProxySettings } from '../../core/settings.ts';
import { decodeWith } from '../decode-with.ts';

const boolean = v.nullish(v.boolean('must be true or false'));
const text = v.nullish(v.string('must be a string'));
const number = v.nullish(v.number('must be a number'));
const wholeNumber = v.pipe(v.number('must be a number'), v.integer('must be a whole number'));
const count = v.nullish(v.pipe(wholeNumber, v.minValue(1, 'must be 1 or more')));
const object = v.nullish(v.looseObject({}, 'must be an object'));

/**
 * The fields we act on ourselves; everything else is the upstream's to judge and passes on untouched, and unread: a long
 * text is decoded when somebody reads it.
 * https://platform.openai.com/docs/api-reference/chat/create
 */
const chatRequest = v.object({
  model: v.nullish(v.pipe(v.string('must be a string'), v.minLength(1, 'must not be empty'))),
  messages: v.pipe(
    v.array(v.object({ role: v.string('must be a string') }, 'must be an object'), 'must be an array'),
    v.minLength(1, 'must hold at least one message'),
  ),
  stream: boolean,
  stream_options: v.nullish(v.looseObject({ include_usage: boolean }, 'must be an object')),
  tools: v.nullish(v.array(v.looseObject({}, 'must be an object'), 'must be an array')),
  tool_choice: v.nullish(v.union([v.string(), v.looseObject({})], 'must be a string or an object')),
  parallel_tool_calls: boolean,
  max_tokens: count,
  max_completion_tokens: count,
  n: count,
  temperature: number,
  top_p: number,
  top_k: number,
  presence_penalty: number,
  seed: v.nullish(wholeNumber),
  stop: v.nullish(v.union([v.string(), v.array(v.unknown())], 'must be a string or an array')),
  logprobs: boolean,
  top_logprobs: v.nullish(wholeNumber),
  response_format: object,
  reasoning_effort: text,
  reasoning: object,
  thinking: object,
  enable_thinking: boolean,
  thinking_budget: number,
});

/** Checks a Chat Completions body. @throws GatewayError `invalid_request` naming the field, as in `messages[2].role`. */
export function decodeChatRequest(body: unknown, settings: Pick<ProxySettings, 'stream'>): GenerationRequest {
  if (!isJsonObject(body)) throw new GatewayError('invalid_request', 'The request body must be a JSON object.');
  if (body.messages === undefined)
    throw new GatewayError('invalid_request', "Missing required parameter: 'messages'.", { param: 'messages' });
  const { model, stream, stream_options } = decodeWith(chatRequest, body);
  return {
    model: model ?? undefined,
    stream: stream ?? settings.stream,
    includeUsage: stream_options?.include_usage ?? false,
    body,
  };
}
