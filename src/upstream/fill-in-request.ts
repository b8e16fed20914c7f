import { type JsonObject, omit } from '../core/json.ts';
import { encodeFillInPrompt, type FillIn } from '../wire/fill-in.ts';
import { editChatRequest } from './request.ts';

/**
 * A client's Completions body as Qwen's own Completions take it: the prompt in the marks of the model, the rest by the
 * rules for chats, always a stream with usage.
 */
export function editCompletionRequest(body: JsonObject, fillIn: FillIn, model: string): JsonObject {
  const rest = omit(body, ['prompt', 'suffix', 'echo', 'best_of', 'n', 'messages']);
  return { ...editChatRequest(rest, model), prompt: encodeFillInPrompt(fillIn) };
}
