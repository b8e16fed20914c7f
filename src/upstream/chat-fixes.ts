import type { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, objectField } from '../core/json.ts';
import { jsonInstruction, saysJson } from './chat-format.ts';
import { flattenText, insertInstructions } from './chat-messages.ts';

/** Models that were taught something are this many at most: their names come from clients. */
const maximumTargets = 256;

/** A change to bodies that one refusal taught; the same body comes back where there is nothing to change. */
type Fix = (body: JsonObject) => JsonObject;

/** The refusal it was learned from tells two fixes of one target apart. */
interface Lesson {
  readonly rule: FixRule;
  readonly fix: Fix;
}

/** What refusals have taught about plans and their models, for the life of the process. */
export interface ChatFixes {
  /** The body with everything that was learned for the target. */
  apply(target: string, body: JsonObject): JsonObject;
  /** The body that may pass after this refusal, and how to remember it; `undefined` where nothing helps. */
  afterRefusal(
    body: JsonObject,
    error: GatewayError,
  ): { readonly body: JsonObject; remember(target: string): void } | undefined;
}

export function createChatFixes(): ChatFixes {
  const lessons = new Map<string, readonly Lesson[]>();
  return {
    apply: (target, body) => (lessons.get(target) ?? []).reduce((fixed, { fix }) => fix(fixed), body),
    afterRefusal(body, error) {
      if (error.code !== 'invalid_request' || error.upstreamStatus !== 400) return undefined;
      const said = `${error.upstreamCode ?? ''} ${error.message}`;
      const rule = fixRules.find(({ param, said: pattern }) => param === error.param && pattern.test(said));
      const fix = rule?.fixOf(error.message);
      const fixed = fix?.(body);
      if (rule === undefined || fix === undefined || fixed === undefined || fixed === body) return undefined;
      return {
        body: fixed,
        remember(target) {
          const others = (lessons.get(target) ?? []).filter((lesson) => lesson.rule !== rule);
          lessons.delete(target);
          lessons.set(target, [...others, { rule, fix }]);
          const [oldest] = lessons.keys();
          if (lessons.size > maximumTargets && oldest !== undefined) lessons.delete(oldest);
        },
      };
    },
  };
}

interface FixRule {
  /** As `error-rules.ts` names it. */
  readonly param: string;
  /** Tried on the upstream's code and message. */
  readonly said: RegExp;
  readonly fixOf: (message: string) => Fix;
}

/** The refusals that the error page of Model Studio and qwen-code know a way around, first match wins. */
const fixRules: readonly FixRule[] = [
  {
    param: 'enable_thinking',
    said: /restricted to true/i,
    fixOf: () => (body) => (body.enable_thinking === false ? without(body, ['enable_thinking']) : body),
  },
  {
    param: 'enable_thinking',
    said: /when enable_thinking is true/i,
    fixOf: () => (body) => (needsNoThinking(body) ? withoutThinking(body) : body),
  },
  {
    param: 'enable_thinking',
    said: /not ?support/i,
    fixOf: () => (body) => without(body, ['enable_thinking', 'thinking_budget']),
  },
  {
    param: 'tool_choice',
    said: /thinking mode/i,
    fixOf: () => (body) => (isForced(body) ? withoutThinking(body) : body),
  },
  { param: 'tool_choice', said: /./, fixOf: () => unforce },
  { param: 'max_tokens', said: /\[1, ?\d+\]/, fixOf: limitOutput },
  { param: 'messages.content', said: /./, fixOf: () => flattenMessages },
  {
    param: 'response_format',
    said: /the word/i,
    fixOf: () => (body) => (isJsonMode(body) && !saysJson(body) ? instruct(body, jsonInstruction) : body),
  },
];

const isForced = ({ tool_choice: choice }: JsonObject) => isJsonObject(choice) || choice === 'required';
const isJsonMode = (body: JsonObject) => /^json_/.test(String(objectField(body, 'response_format')?.type));
const needsNoThinking = (body: JsonObject) => isJsonMode(body) || messagesOf(body).some(isPartial);
const isPartial = (message: unknown) => isJsonObject(message) && message.partial === true;
const messagesOf = ({ messages }: JsonObject): readonly unknown[] => (Array.isArray(messages) ? messages : []);

function without(body: JsonObject, names: readonly string[]): JsonObject {
  if (names.every((name) => body[name] === undefined)) return body;
  return Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));
}

function withoutThinking(body: JsonObject): JsonObject {
  if (body.enable_thinking === false) return body;
  return { ...without(body, ['thinking_budget', 'reasoning_effort']), enable_thinking: false };
}

function unforce(body: JsonObject): JsonObject {
  if (!isForced(body)) return body;
  const name = objectField(objectField(body, 'tool_choice') ?? {}, 'function')?.name;
  const wish = typeof name === 'string' ? `Call the tool "${name}" now.` : 'Call at least one of the tools now.';
  return { ...instruct(body, wish), tool_choice: 'auto' };
}

function instruct(body: JsonObject, text: string): JsonObject {
  return { ...body, messages: insertInstructions(messagesOf(body), text) };
}

function limitOutput(message: string): Fix {
  const limit = Number(/\[1, ?(\d+)\]/.exec(message)?.[1]);
  return (body) => {
    const tooLong = ['max_tokens', 'max_completion_tokens'].filter((name) => Number(body[name]) > limit);
    return tooLong.length === 0 ? body : { ...body, ...Object.fromEntries(tooLong.map((name) => [name, limit])) };
  };
}

function flattenMessages(body: JsonObject): JsonObject {
  const messages = messagesOf(body);
  const flat = messages.map((message) => (isJsonObject(message) ? flattenText(message) : message));
  return flat.some((message, index) => message !== messages[index]) ? { ...body, messages: flat } : body;
}
