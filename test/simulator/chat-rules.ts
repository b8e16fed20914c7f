import { promptTokens } from './answer.ts';
import type { Plan } from './contract.ts';
import { isObject, type JsonObject, objectsOf, textOf } from './json.ts';
import { messageRules } from './message-rules.ts';
import { inputCap, isOldOpenModel, isStreamOnly, isThinkingOnly, type ModelFacts } from './model-facts.ts';
import { catalogueReply, inferenceRefusal, nativeRefusal, parameterRefusal } from './refusal.ts';
import type { Reply } from './reply.ts';

/** A chat request with what the rules ask about again and again. */
export interface ChatFacts {
  readonly body: JsonObject;
  readonly plan: Plan;
  readonly model: ModelFacts;
  readonly messages: readonly JsonObject[];
  readonly streaming: boolean;
  readonly thinking: boolean;
}

/** One thing Qwen refuses: the refusal, or `undefined` where the request is fine. */
export type Rule = (facts: ChatFacts) => Reply | undefined;

/** Reads the facts of a request. */
export function chatFacts(body: JsonObject, plan: Plan, model: ModelFacts): ChatFacts {
  return {
    body,
    plan,
    model,
    messages: objectsOf(body.messages),
    streaming: body.stream === true,
    thinking: thinks(body, model),
  };
}

/** The first refusal in Qwen's order: shape, ranges, then what does not go together. */
export function refuseChat(facts: ChatFacts): Reply | undefined {
  for (const rule of rules) {
    const refusal = rule(facts);
    if (refusal) return refusal;
  }
  return undefined;
}

function thinks(body: JsonObject, model: ModelFacts): boolean {
  if (isThinkingOnly(model)) return true;
  if (typeof body.enable_thinking === 'boolean') return body.enable_thinking;
  return isOldOpenModel(model);
}

/** Fields other APIs know and this one refuses. The wording was not recorded. */
const refusedFields = ['store', 'background', 'reasoning'];

const unsupportedFields: Rule = ({ body }) => {
  const field = refusedFields.find((name) => body[name] !== undefined);
  return field === undefined ? undefined : parameterRefusal(`Unsupported parameter: '${field}'.`);
};

interface NumberRange {
  readonly field: string;
  readonly isInside: (value: number) => boolean;
  readonly message: string;
}

const ranges: readonly NumberRange[] = [
  {
    field: 'temperature',
    isInside: (value) => value >= 0 && value < 2,
    message: 'Temperature should be in [0.0, 2.0)',
  },
  {
    field: 'top_p',
    isInside: (value) => value > 0 && value <= 1,
    message: 'Range of top_p should be (0.0, 1.0]',
  },
  {
    field: 'top_k',
    isInside: (value) => value >= 0,
    message: 'Parameter top_k be greater than or equal to 0',
  },
  {
    field: 'presence_penalty',
    isInside: (value) => Math.abs(value) <= 2,
    message: 'Presence_penalty should be in [-2.0, 2.0]',
  },
  {
    field: 'repetition_penalty',
    isInside: (value) => value > 0,
    message: 'Repetition_penalty should be greater than 0.0',
  },
  {
    field: 'n',
    isInside: (value) => [1, 2, 3, 4].includes(value),
    message: 'Range of n should be [1, 4]',
  },
  {
    field: 'seed',
    isInside: (value) => value >= 0 && value < 2 ** 31,
    message: 'Range of seed should be [0, 2147483647]',
  },
  {
    field: 'top_logprobs',
    isInside: (value) => value >= 0 && value <= 5,
    message: 'Range of top_logprobs should be [0, 5]',
  },
];

const numberRanges: Rule = ({ body }) => {
  for (const { field, isInside, message } of ranges) {
    const value = body[field];
    if (value === undefined || value === null) continue;
    if (typeof value !== 'number')
      return parameterRefusal(`'${field}' must be ${field === 'n' || field === 'seed' ? 'Integer' : 'Float'}`);
    if (!isInside(value)) return inferenceRefusal(message);
  }
  return undefined;
};

const outputLimit: Rule = ({ body, model }) => {
  for (const field of ['max_tokens', 'max_completion_tokens']) {
    const value = body[field];
    if (value === undefined || value === null) continue;
    const limit = model.maxOutput ?? Number.MAX_SAFE_INTEGER;
    if (typeof value !== 'number' || value < 1 || value > limit) return catalogueReply(51, { number: limit });
  }
  return undefined;
};

const inputLimit: Rule = ({ body, model }) => {
  const cap = inputCap(model);
  return cap !== undefined && promptTokens(body) > cap ? catalogueReply(50, { number: cap }) : undefined;
};

const stopShape: Rule = ({ body: { stop } }) => {
  if (stop === undefined || stop === null || typeof stop === 'string') return undefined;
  const isUniform = Array.isArray(stop) && new Set(stop.map((entry) => typeof entry)).size <= 1;
  if (isUniform) return undefined;
  return inferenceRefusal(
    'The "stop" parameter must be of type "str", "list[str]", "list[int]", or "list[list[int]]", and all elements within the list must be of the same type.',
  );
};

const toolShape: Rule = ({ body: { tools, n } }) => {
  if (tools === undefined || tools === null) return undefined;
  if (!Array.isArray(tools) || tools.length === 0) return parameterRefusal("[] is too short - 'tools'");
  for (const tool of tools) {
    const definition = isObject(tool) && tool.type === 'function' ? tool.function : undefined;
    if (!isObject(definition) || typeof definition.name !== 'string' || definition.name === '') {
      return parameterRefusal("'function' is a required property - 'tools.0'");
    }
    if (definition.name === 'search') return inferenceRefusal('Tool names are not allowed to be [search]');
  }
  return n === undefined || n === null || n === 1 ? undefined : inferenceRefusal('Range of n should be [1, 1]');
};

const toolChoice: Rule = ({ body: { tool_choice: choice }, thinking }) => {
  if (choice === undefined || choice === null || choice === 'auto' || choice === 'none') return undefined;
  if (!isObject(choice)) return catalogueReply(56);
  if (!thinking) return undefined;
  return inferenceRefusal(
    'The tool_choice parameter does not support being set to required or object in thinking mode',
  );
};

const responseFormat: Rule = ({ body: { response_format: format }, thinking, messages }) => {
  if (format === undefined || format === null) return undefined;
  const type = isObject(format) ? format.type : undefined;
  if (type === 'text') return undefined;
  if (type !== 'json_object' && type !== 'json_schema') {
    return inferenceRefusal(
      `Unknown format of response_format, response_format should be a dict, includes 'type' and an optional key 'json_schema'. The response_format type from user is ${String(type)}.`,
    );
  }
  if (thinking) return inferenceRefusal('Json mode response is not supported when enable_thinking is true');
  const saysJson = messages.some((message) => /json/i.test(textOf(message.content)));
  return type === 'json_object' && !saysJson ? catalogueReply(57) : undefined;
};

const thinkingSwitch: Rule = ({ body, model, streaming, thinking }) => {
  const wanted = body.enable_thinking;
  if (wanted !== undefined && wanted !== null && typeof wanted !== 'boolean')
    return parameterRefusal("'enable_thinking' must be Boolean");
  const isOff = wanted === false || body.reasoning_effort === 'none';
  if (isOff && isThinkingOnly(model)) return catalogueReply(55);
  if (wanted === true && model.thinking === false) {
    return nativeRefusal(
      400,
      'InvalidParameter.NotSupportEnableThinking',
      `The model ${model.id} does not support enable_thinking.`,
    );
  }
  if (thinking && !streaming && isOldOpenModel(model)) {
    return inferenceRefusal('parameter.enable_thinking must be set to false for non-streaming calls');
  }
  const nWithThinking = thinking && typeof body.n === 'number' && body.n > 1;
  return nWithThinking ? inferenceRefusal('Range of n should be [1, 1]') : undefined;
};

const thinkingBudget: Rule = ({ body, model }) => {
  const budget = body.thinking_budget;
  if (budget === undefined || budget === null) return undefined;
  const limit = model.thinkingBudgetMax ?? Number.MAX_SAFE_INTEGER;
  if (typeof budget !== 'number' || budget < 1 || budget > limit) {
    return inferenceRefusal(`The thinking_budget parameter must be a positive integer and not greater than ${limit}`);
  }
  // Refused on the 3.8 generation; the wording was not recorded.
  const conflicts = model.id.startsWith('qwen3.8') && typeof body.reasoning_effort === 'string';
  return conflicts
    ? inferenceRefusal('thinking_budget and reasoning_effort cannot be set at the same time')
    : undefined;
};

const streamOnly: Rule = ({ model, streaming }) => (!streaming && isStreamOnly(model) ? catalogueReply(54) : undefined);

const rules: readonly Rule[] = [
  unsupportedFields,
  ...messageRules,
  numberRanges,
  outputLimit,
  stopShape,
  toolShape,
  streamOnly,
  thinkingSwitch,
  thinkingBudget,
  toolChoice,
  responseFormat,
  inputLimit,
];
