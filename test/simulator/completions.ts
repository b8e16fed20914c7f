import { newTurn, type RouteRequest, type RouteResult, unknownModel } from './chat.ts';
import { countTokens, isObject } from './json.ts';
import { inferenceRefusal } from './refusal.ts';
import { jsonReply, streamReply } from './reply.ts';
import { dataEvent, doneEvent } from './stream-shape.ts';

const fillInTheMiddleModels = /^(qwen2\.5-coder-(0\.5|1\.5|3|7|14|32)b-instruct|qwen-coder-turbo(-latest|-0919)?)$/;

/** `POST …/completions`: only the fill-in-the-middle models, only a single prompt. */
export function answerCompletions({ body, plan, nowMs, takeAnswer }: RouteRequest): RouteResult {
  const model = String(body.model);
  if (!fillInTheMiddleModels.test(model)) return { reply: unknownModel(model, plan) };
  const { prompt } = body;
  if (typeof prompt !== 'string' || prompt === '') {
    return { reply: inferenceRefusal('Either "prompt" or "messages" must exist and cannot both be none') };
  }
  const scripted = takeAnswer();
  const prefix = /<\|fim_prefix\|>([\s\S]*?)<\|fim_suffix\|>/.exec(prompt)?.[1] ?? prompt;
  const words = typeof scripted?.text === 'string' ? [scripted.text] : (scripted?.text ?? ['Echo: ', prefix]);
  const text = words.join('');
  const turn = newTurn(model, nowMs);
  const tokens = { prompt_tokens: countTokens(prompt), completion_tokens: countTokens(text) };
  const usage = { ...tokens, total_tokens: tokens.prompt_tokens + tokens.completion_tokens };
  const envelope = { id: turn.id, object: 'text_completion', created: turn.createdSeconds, model };
  const choice = (piece: string, finishReason: string | null) => ({
    text: piece,
    index: 0,
    logprobs: null,
    finish_reason: finishReason,
  });
  const asJson = () => jsonReply(200, { ...envelope, choices: [choice(text, 'stop')], usage });
  if (body.stream !== true) return { reply: asJson(), context: { turn, asJson } };
  const events = [...words.map((word) => choice(word, null)), choice('', 'stop')].map((only) =>
    dataEvent({ ...envelope, choices: [only], usage: null }),
  );
  const wantsUsage = isObject(body.stream_options) && body.stream_options.include_usage === true;
  const usageEvents = wantsUsage ? [dataEvent({ ...envelope, choices: [], usage })] : [];
  return {
    reply: streamReply([...events, ...usageEvents, doneEvent], scripted?.chunkDelayMs),
    context: { turn, asJson },
  };
}
