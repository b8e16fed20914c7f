import { isJsonObject, type JsonObject, objectItems } from '../core/json.ts';

/**
 * Brings tool calls and their results together, as Qwen wants them: after an assistant's calls come the results of all
 * of them and nothing else. Compacted and interrupted conversations lack one half (argo-proxy #90, pi #4570), others have
 * text between (OmniRoute #4714). Results move up to their calls, unanswered calls get a result that says so, and a
 * result without a call becomes a note in its place. A legal conversation comes back as it is.
 */
export function repairToolMessages(messages: readonly unknown[]): readonly unknown[] {
  if (isLegal(messages)) return messages;
  const repaired: unknown[] = [];
  let turn: Turn = { open: new Set(), results: [], others: [] };
  const close = () => {
    repaired.push(...turn.results, ...[...turn.open].map(missingResult), ...turn.others);
  };
  for (const message of messages) {
    if (isJsonObject(message) && message.role === 'assistant') {
      close();
      repaired.push(message);
      turn = { open: new Set(callIds(message)), results: [], others: [] };
    } else if (!isToolMessage(message)) turn.others.push(message);
    else if (turn.open.delete(message.tool_call_id)) turn.results.push(message);
    else turn.others.push(noteOf(message));
  }
  close();
  return repaired;
}

/** An assistant message's calls that wait for a result, the results, and what else came before the next one. */
interface Turn {
  readonly open: Set<unknown>;
  readonly results: unknown[];
  readonly others: unknown[];
}

function isLegal(messages: readonly unknown[]): boolean {
  let open = new Set<unknown>();
  for (const message of messages) {
    if (isToolMessage(message)) {
      if (!open.delete(message.tool_call_id)) return false;
      continue;
    }
    if (open.size > 0) return false;
    open = new Set(isJsonObject(message) ? callIds(message) : []);
  }
  return open.size === 0;
}

const isToolMessage = (message: unknown): message is JsonObject => isJsonObject(message) && message.role === 'tool';

const callIds = (message: JsonObject): readonly unknown[] => objectItems(message, 'tool_calls').map((call) => call.id);

const missingResult = (id: unknown): JsonObject => ({
  role: 'tool',
  tool_call_id: id,
  content: 'No result was returned.',
});

/** The call is gone, what it brought is not: as the user's text the model can still read it. */
function noteOf({ content }: JsonObject): JsonObject {
  const text = typeof content === 'string' ? content : JSON.stringify(content ?? '');
  return { role: 'user', content: `[Result of an earlier tool call]\n${text}` };
}
