import { isJsonObject, type JsonObject, numberField } from '../core/json.ts';
import { modelInfo } from './models.ts';
import { editPortalMessages } from './portal.ts';

/** Fields of other vendors' clients that DashScope refuses or misreads. */
const refusedFields = new Set(['store', 'background', 'reasoning', 'service_tier', 'prediction', 'web_search_options']);

/** The sign-in portal wants more of a body than the other hosts do. */
export type ChatSurface = 'general' | 'portal';

/**
 * A client's Chat Completions body as Qwen takes it: the model it is for, always a stream with usage, and the few edits
 * without which Qwen refuses it. Everything else stays as the client wrote it.
 */
export function editChatRequest(body: JsonObject, model: string, surface: ChatSurface = 'general'): JsonObject {
  const edited: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(body))
    if (!refusedFields.has(name) && value !== null) edited[name] = value;
  const info = modelInfo(model);
  edited.model = model;
  edited.stream = true;
  edited.stream_options = {
    ...(isJsonObject(body.stream_options) ? body.stream_options : {}),
    include_usage: true,
  };
  if (Array.isArray(body.messages)) {
    const messages = body.messages.map(editMessage);
    edited.messages = surface === 'portal' ? editPortalMessages(messages) : messages;
  }
  // Above the model's maximum Qwen answers 400 "Range of max_tokens should be [1, N]".
  const maximum = info.maxOutput;
  for (const name of ['max_tokens', 'max_completion_tokens']) {
    const asked = numberField(body, name);
    if (asked !== undefined && maximum !== undefined && asked > maximum) edited[name] = maximum;
  }
  // [0, 2) and (0, 1] upstream, [0, 2] and [0, 1] in OpenAI's API.
  if ((numberField(body, 'temperature') ?? 0) >= 2) edited.temperature = 1.99;
  if (body.top_p === 0) edited.top_p = 0.01;
  if (body.tool_choice === 'required') edited.tool_choice = 'auto';
  // Off by default upstream, on by default in OpenAI's API.
  if (Array.isArray(body.tools) && body.tools.length > 0) edited.parallel_tool_calls ??= true;
  return edited;
}

/** `developer` is OpenAI's newer name of the system role; Qwen does not know it. */
function editMessage(message: unknown): unknown {
  return isJsonObject(message) && message.role === 'developer' ? { ...message, role: 'system' } : message;
}
