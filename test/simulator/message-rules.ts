import type { Rule } from './chat-rules.ts';
import { isObject, type JsonObject, objectsOf } from './json.ts';
import { catalogueReply, inferenceRefusal, parameterRefusal } from './refusal.ts';

const roles = ['system', 'assistant', 'user', 'tool', 'function'];

const present: Rule = ({ body }) => {
  if (Array.isArray(body.messages) && body.messages.length > 0 && body.messages.every(isObject)) return undefined;
  return catalogueReply(61);
};

const knownRoles: Rule = ({ messages }) => {
  const index = messages.findIndex((message) => !roles.includes(String(message.role)));
  if (index < 0) return undefined;
  return parameterRefusal(
    `${String(messages[index]?.role)} is not one of ['${roles.join("', '")}'] - 'messages.[${index}].role'`,
  );
};

const contentPresent: Rule = ({ messages }) => {
  for (const { role, content } of messages) {
    if (role === 'assistant') continue;
    if (content === undefined || content === null) return parameterRefusal('The content field is a required field.');
    if (role === 'user' && (content === '' || (Array.isArray(content) && content.length === 0)))
      return catalogueReply(82);
  }
  return undefined;
};

/** Parts are read where the model sees, and where the explicit cache is marked; a tool's result is always a string. */
const contentShape: Rule = ({ messages, model }) => {
  const isRefused = ({ role, content }: JsonObject) => {
    if (content === undefined || content === null || typeof content === 'string') return false;
    if (!Array.isArray(content) || role === 'tool') return true;
    return model.vision === false && !isCachedText(content);
  };
  return messages.some(isRefused) ? catalogueReply(58) : undefined;
};

function isCachedText(content: unknown): boolean {
  const parts = objectsOf(content);
  return parts.every((part) => part.type === 'text') && parts.some(isCacheMarked);
}

function isCacheMarked(part: JsonObject): boolean {
  return isObject(part.cache_control) && part.cache_control.type === 'ephemeral';
}

/** Every tool message answers a call of the assistant message before it, and every call is answered. */
const toolOrder: Rule = ({ messages }) => {
  let open = new Set<unknown>();
  for (const [index, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!open.delete(message.tool_call_id)) return catalogueReply(59);
      continue;
    }
    if (open.size > 0) return unansweredCalls(index);
    open = new Set(objectsOf(message.tool_calls).map((call) => call.id));
  }
  return open.size > 0 ? unansweredCalls(messages.length) : undefined;
};

function unansweredCalls(index: number) {
  return inferenceRefusal(
    `An assistant message with "tool_calls" must be followed by tool messages responding to each "tool_call_id". The following tool_call_ids did not have response messages: message[${index}].role`,
  );
}

/** Qwen indexes into the conversation and falls over if nobody is waiting for an answer. */
const someoneWaits: Rule = ({ messages, thinking }) => {
  const last = messages.at(-1);
  if (last?.role === 'user' || last?.role === 'tool') return undefined;
  if (last?.role !== 'assistant' || last.partial !== true) return catalogueReply(67);
  return thinking ? inferenceRefusal('partial is not supported when enable_thinking is true') : undefined;
};

/** The OAuth portal wants what qwen-code sends. The refusal's wording was not recorded. */
const portalSystem: Rule = ({ messages, plan }) => {
  if (plan !== 'portal') return undefined;
  const systems = messages.filter((message) => message.role === 'system');
  const content = messages[0]?.role === 'system' ? messages[0].content : undefined;
  const isMarked = Array.isArray(content) && objectsOf(content).some(isCacheMarked);
  if (systems.length === 1 && isMarked) return undefined;
  return parameterRefusal(
    "exactly one leading system message with a 'cache_control' content part is required - 'messages'",
  );
};

/** The rules about `messages`, in order. */
export const messageRules: readonly Rule[] = [
  present,
  knownRoles,
  contentPresent,
  contentShape,
  toolOrder,
  portalSystem,
  someoneWaits,
];
