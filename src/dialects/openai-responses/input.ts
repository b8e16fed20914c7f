import { GatewayError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, stringField } from '../../core/json.ts';
import { decodeContent } from './content.ts';
import { decodeReasoning } from './reasoning.ts';
import type { ToolTable } from './tools.ts';

/** Messages with the place in the client's body that each came from. */
export interface DecodedInput {
  readonly messages: readonly JsonObject[];
  /** Of every message: `input[i]`, or `undefined` for one that was not in this body. */
  readonly sources: readonly (string | undefined)[];
  /** Types of items that have no counterpart. */
  readonly dropped: readonly string[];
}

/** An assistant's turn while its items come: reasoning, texts and calls are one message. */
interface Turn {
  source: string | undefined;
  reasoning: string;
  texts: unknown[];
  calls: JsonObject[];
}

/**
 * Brings the items of a Responses input into messages, in their order: an assistant's consecutive items become one turn,
 * so that parallel calls stay together and their results follow (hermes-agent #84890, codex #7051).
 * @param items What was said before this body, then this body's own items.
 * @param before How many items came before this body.
 */
export function decodeInput(items: readonly unknown[], before: number, tools: ToolTable): DecodedInput {
  const messages: JsonObject[] = [];
  const sources: (string | undefined)[] = [];
  const dropped = new Set<string>();
  let turn: Turn | undefined;

  const push = (message: JsonObject, source: string | undefined) => {
    messages.push(message);
    sources.push(source);
  };
  const closeTurn = () => {
    if (turn !== undefined && (turn.texts.length > 0 || turn.calls.length > 0)) push(messageOf(turn), turn.source);
    turn = undefined;
  };
  const openTurn = (source: string | undefined): Turn => {
    turn ??= { source, reasoning: '', texts: [], calls: [] };
    return turn;
  };
  const readMessage = (item: JsonObject, param: string, source: string | undefined) => {
    const role = stringField(item, 'role');
    const content = decodeContent(item.content, `${param}.content`);
    if (role === 'assistant') return void openTurn(source).texts.push(content);
    closeTurn();
    if (role !== 'user' && role !== 'system' && role !== 'developer')
      throw new GatewayError('invalid_request', `The role "${String(item.role)}" is not known.`, {
        param: `${param}.role`,
        fix: 'Known are user, assistant, system and developer.',
      });
    push({ role: role === 'developer' ? 'system' : role, content }, source);
  };
  const readCall = (item: JsonObject, source: string | undefined, call: { name: string; arguments: string }) => {
    const id = stringField(item, 'call_id') ?? stringField(item, 'id') ?? '';
    openTurn(source).calls.push({ id, type: 'function', function: call });
  };
  const readResult = (item: JsonObject, source: string | undefined, content: unknown) => {
    closeTurn();
    push({ role: 'tool', tool_call_id: stringField(item, 'call_id') ?? '', content }, source);
  };

  for (const [index, item] of items.entries()) {
    const source = index < before ? undefined : `input[${index - before}]`;
    const param = source ?? 'previous_response_id';
    if (!isJsonObject(item)) throw new GatewayError('invalid_request', `'${param}' must be an object.`, { param });
    const name = stringField(item, 'name') ?? '';
    const chatName = () => tools.chatName({ name, namespace: stringField(item, 'namespace') });
    switch (item.type) {
      case undefined:
      case 'message':
        readMessage(item, param, source);
        break;
      case 'reasoning':
        openTurn(source).reasoning += decodeReasoning(item);
        break;
      case 'function_call':
        readCall(item, source, { name: chatName(), arguments: stringField(item, 'arguments') ?? '{}' });
        break;
      case 'custom_tool_call':
        readCall(item, source, { name: chatName(), arguments: JSON.stringify({ input: item.input ?? '' }) });
        break;
      case 'tool_search_call':
        readCall(item, source, {
          name: tools.chatName({ name: 'tool_search' }),
          arguments: JSON.stringify(item.arguments ?? {}),
        });
        break;
      case 'function_call_output':
      case 'custom_tool_call_output':
        readResult(item, source, decodeOutput(item.output, `${param}.output`));
        break;
      case 'tool_search_output':
        readResult(item, source, JSON.stringify({ found: foundNames(item.tools, tools) }));
        break;
      case 'compaction':
      case 'compaction_summary': {
        const summary = decodeReasoning(item);
        if (summary === '') dropped.add(item.type);
        else {
          closeTurn();
          push({ role: 'user', content: summary }, source);
        }
        break;
      }
      case 'additional_tools':
        break;
      case 'item_reference':
        throw new GatewayError('invalid_request', `The item ${String(item.id)} is not kept here.`, {
          param: `${param}.id`,
          fix: 'Send the items themselves.',
        });
      default:
        // Traces of tools that OpenAI's servers ran: nothing in them is for another model.
        dropped.add(String(item.type));
    }
  }
  closeTurn();
  return { messages, sources, dropped: [...dropped] };
}

function messageOf({ reasoning, texts, calls }: Turn): JsonObject {
  const [first] = texts;
  const content = texts.length <= 1 ? (first ?? null) : joined(texts);
  return {
    role: 'assistant',
    content,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** Texts that stood between an assistant's calls. */
function joined(texts: readonly unknown[]): unknown {
  if (texts.every((text) => typeof text === 'string')) return texts.join('\n\n');
  return texts.flatMap((text) => (typeof text === 'string' ? [{ type: 'text', text }] : text));
}

/** A result is a text or parts; Codex' older servers wrapped it. */
function decodeOutput(output: unknown, param: string): unknown {
  if (isJsonObject(output)) return stringField(output, 'content') ?? JSON.stringify(output);
  return decodeContent(output, param);
}

/** The names under which the model may now call what its search found. */
function foundNames(found: unknown, table: ToolTable, namespace?: string): readonly string[] {
  if (!Array.isArray(found)) return [];
  return found.filter(isJsonObject).flatMap((tool) => {
    const name = stringField(tool, 'name') ?? '';
    return tool.type === 'namespace' ? foundNames(tool.tools, table, name) : [table.chatName({ name, namespace })];
  });
}
