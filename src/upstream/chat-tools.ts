import { isJsonObject, type JsonObject, objectField, objectItems, stringField } from '../core/json.ts';
import type { ChatModel } from './chat-model.ts';
import { refusal } from './chat-refusal.ts';

/** The tools of a body and the choice among them, as the model takes them. */
export interface ToolDecision {
  /** Absent: there are none. */
  readonly tools?: readonly unknown[];
  readonly choice?: unknown;
  /** A tool is forced, which Qwen refuses while thinking. */
  readonly isForced: boolean;
  /** What the choice became in words, where Qwen has no field for it. */
  readonly instruction?: string;
}

/** Names of tools that Qwen refuses ("Tool names are not allowed to be [search]"), by the client's name. */
export type ToolRenames = ReadonlyMap<string, string>;

const refusedName = 'search';

/** New names for tools that Qwen refuses, free among the offered ones. The same body gives the same names every turn. */
export function toolRenames(body: JsonObject): ToolRenames {
  const names = new Set(offeredNames(body));
  if (!names.has(refusedName)) return new Map();
  let free = `${refusedName}_tool`;
  for (let count = 2; names.has(free); count++) free = `${refusedName}_tool_${count}`;
  return new Map([[refusedName, free]]);
}

/** The names of the offered functions, in the client's spelling. */
function offeredNames(body: JsonObject): readonly string[] {
  return objectItems(body, 'tools').flatMap((tool) => stringField(objectField(tool, 'function') ?? {}, 'name') ?? []);
}

/** @throws GatewayError for tools and choices that Chat Completions of Qwen cannot express. */
export function decideTools(body: JsonObject, model: ChatModel, renames: ToolRenames): ToolDecision {
  if (!Array.isArray(body.tools) || body.tools.length === 0) return { isForced: false };
  for (const [index, tool] of body.tools.entries())
    if (isJsonObject(tool) && tool.type === 'custom')
      throw refusal(
        `tools[${index}].type`,
        'Qwen takes tools of type "function" only: describe this one by a JSON schema.',
      );
  const allowed = allowedTools(body.tool_choice);
  const kept = allowed === undefined ? body.tools : body.tools.filter((tool) => allowed.names.has(nameOf(tool)));
  if (kept.length === 0)
    throw refusal('tool_choice.allowed_tools.tools', 'None of the allowed tools is among the tools.');
  const tools = renames.size === 0 ? kept : kept.map((tool) => renameFunction(tool, renames));
  return { tools, ...decideChoice(allowed?.mode ?? body.tool_choice, tools, { model, renames }) };
}

function decideChoice(
  choice: unknown,
  tools: readonly unknown[],
  { model, renames }: { readonly model: ChatModel; readonly renames: ToolRenames },
): Omit<ToolDecision, 'tools'> {
  const isMandatory = model.thinking === 'mandatory';
  if (isJsonObject(choice)) {
    if (choice.type === 'custom') throw refusal('tool_choice', 'Qwen takes tools of type "function" only.');
    const forced = renameFunction(choice, renames);
    if (!model.isKnown || !isMandatory) return { choice: forced, isForced: true };
    return { choice: 'auto', isForced: false, instruction: `Call the tool "${nameOf(forced)}" now.` };
  }
  if (choice !== 'required') return { ...(choice !== undefined && choice !== null && { choice }), isForced: false };
  // Other vendors' models behind a custom base URL may know the word.
  if (!model.isKnown) return { choice, isForced: false };
  const [only] = tools;
  // With one tool "required" and that tool forced are the same, and a forced one is a promise of the model.
  if (tools.length === 1 && !isMandatory && nameOf(only) !== '')
    return { choice: { type: 'function', function: { name: nameOf(only) } }, isForced: true };
  return {
    choice: 'auto',
    isForced: false,
    instruction: 'Call at least one of the tools now instead of answering in text.',
  };
}

function allowedTools(choice: unknown): { readonly names: ReadonlySet<string>; readonly mode: unknown } | undefined {
  const allowed =
    isJsonObject(choice) && choice.type === 'allowed_tools' ? objectField(choice, 'allowed_tools') : undefined;
  return allowed && { names: new Set(objectItems(allowed, 'tools').map(nameOf)), mode: allowed.mode ?? 'auto' };
}

function nameOf(tool: unknown): string {
  return (isJsonObject(tool) && stringField(objectField(tool, 'function') ?? {}, 'name')) || '';
}

/** A tool, a choice or a call of an earlier turn with the upstream's name for its function; itself where it has none. */
export function renameFunction<T>(value: T, renames: ToolRenames): T | JsonObject {
  if (!isJsonObject(value)) return value;
  const name = renames.get(nameOf(value));
  return name === undefined ? value : { ...value, function: { ...objectField(value, 'function'), name } };
}
