import { isJsonObject, type JsonObject, numberField } from '../core/json.ts';
import { type ChatDecisions, chatFields } from './chat-fields.ts';
import { decideFormat } from './chat-format.ts';
import { editMessages } from './chat-messages.ts';
import { chatModel } from './chat-model.ts';
import { refusal } from './chat-refusal.ts';
import { decideThinking } from './chat-thinking.ts';
import { decideTools, toolRenames } from './chat-tools.ts';
import { editPortalMessages } from './portal.ts';

/** The sign-in portal wants more of a body than the other hosts do. */
export type ChatSurface = 'general' | 'portal';

/**
 * A client's Chat Completions body as Qwen takes it: the model it is for, always a stream with usage, and the few edits
 * without which Qwen refuses it. Everything else stays as the client wrote it.
 * @throws GatewayError `invalid_request` naming the field that no model of Qwen, or not this one, can serve.
 */
export function editChatRequest(body: JsonObject, model: string, surface: ChatSurface = 'general'): JsonObject {
  const decisions = decide(body, model, surface);
  const edited: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body)) if (value !== null) edited[name] = value;
  for (const { name, edit } of chatFields) {
    if (edit === undefined) continue;
    const value = edit(edited[name], decisions);
    if (value !== undefined) edited[name] = value;
    // What V8 deletes from, it keeps as a table from then on.
    else if (name in edited) delete edited[name];
  }
  return edited;
}

function decide(body: JsonObject, modelId: string, surface: ChatSurface): ChatDecisions {
  const model = chatModel(modelId);
  const renames = toolRenames(body);
  const tools = decideTools(body, model, renames);
  const format = decideFormat(body, model);
  const isContinued = continuesAnswer(body, model.isKnown && model.thinking === 'mandatory');
  const mustBeOff = tools.isForced || format.isJsonMode || isContinued || (numberField(body, 'n') ?? 1) > 1;
  const instructions = [tools.instruction, format.instruction].filter((each) => each !== undefined);
  const messages = Array.isArray(body.messages)
    ? editMessages(body.messages, { model, renames, instructions })
    : body.messages;
  return {
    body,
    model,
    tools,
    format,
    thinking: decideThinking(body, model, mustBeOff),
    messages: surface === 'portal' && Array.isArray(messages) ? editPortalMessages(messages) : messages,
  };
}

/** A last assistant message with `partial: true` is continued, which Qwen does without thinking only. */
function continuesAnswer({ messages }: JsonObject, isAlwaysThinking: boolean): boolean {
  const last = Array.isArray(messages) ? messages.at(-1) : undefined;
  if (!isJsonObject(last) || last.role !== 'assistant' || last.partial !== true) return false;
  if (isAlwaysThinking && Array.isArray(messages))
    throw refusal(`messages[${messages.length - 1}].partial`, 'A model that always thinks cannot continue an answer.');
  return true;
}
