import * as v from 'valibot';
import type { GenerationRequest } from '../../core/dialect.ts';
import type { JsonObject } from '../../core/json.ts';
import type { ProxySettings } from '../../core/settings.ts';
import { decodeFillInPrompt, type FillIn } from '../../wire/fill-in.ts';
import { decodeWith } from '../decode-with.ts';
import { badField, missingField } from '../field-errors.ts';
import { translateCompletion } from './translation.ts';

const boolean = v.nullish(v.boolean('must be true or false'));
const wholeNumber = v.pipe(v.number('must be a number'), v.integer('must be a whole number'));
const count = v.nullish(v.pipe(wholeNumber, v.minValue(1, 'must be 1 or more')));
const number = v.nullish(v.number('must be a number'));
const text = v.string('must be a string');

/** The fields we act on ourselves: https://platform.openai.com/docs/api-reference/completions/create */
const request = v.looseObject({
  model: v.nullish(v.pipe(text, v.minLength(1, 'must not be empty'))),
  suffix: v.nullish(text),
  stream: boolean,
  stream_options: v.nullish(v.looseObject({ include_usage: boolean }, 'must be an object')),
  max_tokens: count,
  temperature: number,
  top_p: number,
  presence_penalty: number,
  seed: v.nullish(wholeNumber),
  stop: v.nullish(v.union([v.string(), v.array(text)], 'must be a string or an array of strings')),
  n: count,
  best_of: count,
  echo: boolean,
  logprobs: v.nullish(wholeNumber),
});

/** Checks a Completions body. @throws GatewayError `invalid_request` naming the field. */
export function decodeCompletionRequest(given: unknown, settings: Pick<ProxySettings, 'stream'>): GenerationRequest {
  const body = decodeWith(request, given);
  const { model, stream, stream_options } = body;
  const fillIn = decodeFillIn(body);
  if ((body.n ?? 1) > 1) throw badField('n', 'Qwen completes a prompt once; ask more often.');
  if ((body.best_of ?? 1) > 1) throw badField('best_of', 'Qwen completes a prompt once; leave it out.');
  if (body.echo === true) throw badField('echo', 'the prompt is not repeated in the answer; leave it out.');
  if (typeof body.logprobs === 'number') throw badField('logprobs', 'Qwen has none for completions; leave it out.');
  const includeUsage = stream_options?.include_usage ?? false;
  return {
    model: model ?? undefined,
    stream: stream ?? settings.stream,
    includeUsage,
    body,
    translation: translateCompletion(body, fillIn, includeUsage),
  };
}

/** The text with its gap. @throws GatewayError `invalid_request` naming `prompt` where there is not exactly one. */
export function decodeFillIn(body: JsonObject): FillIn {
  const { prompt, suffix } = body;
  const hasSuffix = typeof suffix === 'string' && suffix !== '';
  if (prompt === undefined || prompt === null) throw missingField('prompt');
  const prompts: readonly unknown[] = Array.isArray(prompt) ? prompt : [prompt];
  const [only] = prompts;
  if (typeof only === 'number' || Array.isArray(only))
    throw badField('prompt', 'token ids are those of OpenAI’s own models, so send text.');
  if (prompts.length !== 1) throw badField('prompt', 'it must be one text: send a request for each.');
  if (typeof only !== 'string') throw badField('prompt', 'it must be a string.');
  if (only === '' && !hasSuffix) throw badField('prompt', 'it must not be empty.');
  if (hasSuffix) return { prefix: only, suffix };
  return decodeFillInPrompt(only) ?? { prefix: only };
}
