import { createHash } from 'node:crypto';
import { GatewayError } from '../../core/errors.ts';
import { isJsonObject, type JsonObject, objectField, objectItems, stringField } from '../../core/json.ts';

/** A tool in the client's terms, behind the one name that Chat Completions has for it. */
export interface ClientTool {
  readonly kind: 'function' | 'custom' | 'tool_search';
  readonly name: string;
  readonly namespace?: string;
}

/** The tools of a request, both ways. */
export interface ToolTable {
  /** Chat Completions definitions, all of them functions. */
  readonly tools: readonly JsonObject[];
  /** The client's tool behind a name that the model called; a name that nobody offered is a function's. */
  clientTool(chatName: string): ClientTool;
  /** The model's name for a tool of the client. */
  chatName(tool: { readonly name: string; readonly namespace?: string | undefined }): string;
  /** What was left out, for the log. */
  readonly dropped: readonly string[];
}

/** Tools that run on OpenAI's servers, and Codex' older shell: Qwen has nothing to run them. */
const hosted = new Set([
  'web_search',
  'web_search_preview',
  'web_search_2025_08_26',
  'web_search_preview_2025_03_11',
  'file_search',
  'computer',
  'computer_use',
  'computer_use_preview',
  'code_interpreter',
  'image_generation',
  'mcp',
  'local_shell',
  'shell',
  'apply_patch',
  'programmatic_tool_calling',
]);

/** Chat Completions' limit for names of functions. */
const longestName = 64;

/**
 * Brings the tools of a Responses request into the one shape that Chat Completions knows. Freeform (`custom`) tools become
 * functions with one text, tools in namespaces get flat names, and `tool_search` is a function that the client runs;
 * {@link ToolTable.clientTool} brings the calls back. Collisions get other names, the same ones in every turn.
 * @param later Tools that arrived in the input: `additional_tools`, and what a `tool_search` found.
 * @throws GatewayError naming `tools[i]`.
 */
export function readTools(offered: readonly unknown[], later: readonly JsonObject[]): ToolTable {
  const byName = new Map<string, ClientTool>();
  const names = new Map<string, string>();
  const tools = new Map<string, JsonObject>();
  const dropped: string[] = [];

  const add = (tool: ClientTool, describe: () => JsonObject) => {
    const key = keyOf(tool);
    const known = names.get(key);
    const name = known ?? freeName(tool, byName);
    names.set(key, name);
    byName.set(name, tool);
    tools.set(name, { type: 'function', function: { name, ...describe() } });
  };
  const read = (tool: unknown, param: string, namespace?: string) => {
    if (!isJsonObject(tool)) throw new GatewayError('invalid_request', `'${param}' must be an object.`, { param });
    const type = stringField(tool, 'type') ?? 'function';
    const at = namespace === undefined ? {} : { namespace };
    if (hosted.has(type)) return void dropped.push(type);
    if (type === 'tool_search') {
      if (tool.execution === 'server') return void dropped.push(type);
      return add({ kind: 'tool_search', name: 'tool_search', ...at }, () => describeSearch(tool));
    }
    const name = stringField(tool, 'name');
    if (name === undefined)
      throw new GatewayError('invalid_request', `A tool of type "${type}" needs a name.`, { param: `${param}.name` });
    if (type === 'namespace')
      for (const [index, inner] of listOf(tool.tools).entries()) read(inner, `${param}.tools[${index}]`, name);
    else if (type === 'custom') add({ kind: 'custom', name, ...at }, () => describeCustom(tool));
    else if (type === 'function') add({ kind: 'function', name, ...at }, () => describeFunction(tool));
    else
      throw new GatewayError('invalid_request', `Tools of type "${type}" cannot be offered to Qwen.`, {
        param: `${param}.type`,
        fix: 'Known are function, custom, namespace and tool_search.',
      });
  };
  for (const [index, tool] of offered.entries()) read(tool, `tools[${index}]`);
  for (const tool of later) read(tool, 'input');

  return {
    tools: [...tools.values()],
    clientTool: (chatName) => byName.get(chatName) ?? { kind: 'function', name: chatName },
    chatName: ({ name, namespace }) => names.get(keyOf({ name, namespace })) ?? flatName({ name, namespace }),
    dropped: [...new Set(dropped)],
  };
}

/**
 * The choice among tools in Chat Completions' terms.
 * @throws GatewayError naming `tool_choice` for a tool that only OpenAI's servers run.
 */
export function readToolChoice(choice: unknown, table: ToolTable): unknown {
  if (!isJsonObject(choice)) return choice;
  const named = (tool: JsonObject): JsonObject | undefined => {
    const name = tool.type === 'tool_search' ? 'tool_search' : stringField(tool, 'name');
    if (name === undefined) return undefined;
    return {
      type: 'function',
      function: { name: table.chatName({ name, namespace: stringField(tool, 'namespace') }) },
    };
  };
  if (choice.type === 'allowed_tools') {
    const tools = objectItems(choice, 'tools').flatMap((tool) => named(tool) ?? []);
    return { type: 'allowed_tools', allowed_tools: { mode: choice.mode ?? 'auto', tools } };
  }
  const forced = hosted.has(String(choice.type)) ? undefined : named(choice);
  if (forced === undefined)
    throw new GatewayError('invalid_request', `Qwen cannot be made to use "${String(choice.type)}".`, {
      param: 'tool_choice',
      fix: 'Choose one of the offered function or custom tools.',
    });
  return forced;
}

const keyOf = ({ name, namespace }: { readonly name: string; readonly namespace?: string | undefined }) =>
  JSON.stringify([namespace ?? null, name]);

function flatName({ name, namespace }: { readonly name: string; readonly namespace?: string | undefined }): string {
  // Namespaces of MCP servers end in the separator already: `mcp__github__`.
  const separator = namespace === undefined || namespace.endsWith('__') ? '' : '__';
  const flat = `${namespace ?? ''}${separator}${name}`.replace(/[^a-zA-Z0-9_-]/g, '_');
  return flat.length <= longestName ? flat : withDigest(flat, { name, namespace });
}

function freeName(tool: ClientTool, taken: ReadonlyMap<string, ClientTool>): string {
  const flat = flatName(tool);
  return taken.has(flat) ? withDigest(flat, tool) : flat;
}

function withDigest(flat: string, tool: { readonly name: string; readonly namespace?: string | undefined }): string {
  const digest = createHash('sha256').update(keyOf(tool)).digest('hex').slice(0, 8);
  return `${flat.slice(0, longestName - 9)}_${digest}`;
}

function describeFunction(tool: JsonObject): JsonObject {
  const parameters = objectField(tool, 'parameters') ?? { type: 'object', properties: {} };
  return {
    ...(stringField(tool, 'description') !== undefined && { description: tool.description }),
    parameters,
    ...(tool.strict === true && { strict: true }),
  };
}

/** A freeform tool takes any text; what grammar it has to follow is told in words, for want of a field. */
function describeCustom(tool: JsonObject): JsonObject {
  const format = objectField(tool, 'format') ?? {};
  const definition = stringField(format, 'definition');
  const grammar =
    definition === undefined
      ? ''
      : `\n\n"input" follows this ${stringField(format, 'syntax') ?? ''} grammar:\n${definition}`;
  return {
    description: `${stringField(tool, 'description') ?? ''}${grammar}`,
    parameters: {
      type: 'object',
      properties: { input: { type: 'string', description: 'The whole input of the tool, as plain text.' } },
      required: ['input'],
      additionalProperties: false,
    },
  };
}

function describeSearch(tool: JsonObject): JsonObject {
  return {
    description: stringField(tool, 'description') ?? 'Finds further tools by what they do.',
    parameters: objectField(tool, 'parameters') ?? {
      type: 'object',
      properties: { query: { type: 'string', description: 'What the tool should do.' } },
      required: ['query'],
    },
  };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
