import { isJsonObject, type JsonObject, objectField, objectItems, stringField } from '../../core/json.ts';

/** Tools, choice and search as Chat Completions of Qwen has them; an absent field is left out. */
export interface ChatTools {
  readonly fields: JsonObject;
  /** For every tool that went along, its place in the client's list. */
  readonly paths: readonly string[];
  /** Tools that nobody at Qwen can run, by name. */
  readonly dropped: readonly string[];
}

/** Tools that the client runs itself under a schema that Anthropic's models know by heart; Qwen's have to be told. */
const knownTools: readonly (readonly [type: RegExp, description: string, schema: JsonObject])[] = [
  [
    /^bash_\d/,
    'Runs a command in a persistent bash session.',
    schemaOf({
      command: text('The command to run.'),
      restart: { type: 'boolean', description: 'Start a new session.' },
    }),
  ],
  [
    /^text_editor_\d/,
    'Views, creates and edits files.',
    schemaOf(
      {
        command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert'] },
        path: text('Absolute path of the file or folder.'),
        file_text: text('The whole file, with create.'),
        old_str: text('The text to replace, with str_replace.'),
        new_str: text('The text in its place.'),
        insert_line: { type: 'integer', description: 'The line to insert after.' },
        insert_text: text('The text to insert.'),
        view_range: { type: 'array', items: { type: 'integer' }, description: 'First and last line, with view.' },
      },
      ['command', 'path'],
    ),
  ],
  [
    /^memory_\d/,
    'Reads and writes files of a memory folder.',
    schemaOf(
      {
        command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert', 'delete', 'rename'] },
        path: text('Path below /memories.'),
        file_text: text('The whole file, with create.'),
        old_str: text('The text to replace, with str_replace.'),
        new_str: text('The text in its place.'),
        insert_line: { type: 'integer', description: 'The line to insert after.' },
        insert_text: text('The text to insert.'),
        old_path: text('The path to rename.'),
        new_path: text('Its new path.'),
      },
      ['command'],
    ),
  ],
];

/**
 * The client's tools as functions. A server's tool has nobody to run it here: the web search becomes Qwen's own where it is
 * all that is asked for, as in Claude Code's search request; beside functions Qwen would search on every turn, so there
 * it is left out, as the other ones are.
 */
export function translateTools(body: JsonObject): ChatTools {
  const given = [...loadedTools(body), ...addedTools(body).map((tool) => ({ tool, path: 'messages' }))];
  const functions = given.flatMap(({ tool, path }) => {
    const translated = translateTool(tool);
    return translated === undefined ? [] : [{ translated, path }];
  });
  const dropped = given.filter(({ tool }) => translateTool(tool) === undefined).map(({ tool }) => tool);
  const search = functions.length === 0 ? dropped.find(isWebSearch) : undefined;
  const choice = objectField(body, 'tool_choice') ?? {};
  const isForced = choice.type === 'any' || choice.type === 'tool';
  const names = dropped.filter((tool) => tool !== search).map((tool) => String(tool.name ?? tool.type));
  if (functions.length === 0) {
    const searching = { enable_search: true, ...(isForced && { search_options: { forced_search: true } }) };
    return { fields: search === undefined ? {} : searching, paths: [], dropped: names };
  }
  return {
    fields: {
      tools: functions.map(({ translated }) => translated),
      ...translateChoice(choice),
      ...(choice.disable_parallel_tool_use === true && { parallel_tool_calls: false }),
    },
    paths: functions.map(({ path }) => path),
    dropped: names,
  };
}

interface GivenTool {
  readonly tool: JsonObject;
  readonly path: string;
}

/**
 * A deferred tool is in no prompt until a search has found it: Claude Code keeps a placeholder and its MCP tools back this way.
 * Where Anthropic's servers would search, and where nothing else is offered, all are loaded.
 */
function loadedTools(body: JsonObject): readonly GivenTool[] {
  const all = objectItems(body, 'tools').map((tool, index) => ({ tool, path: `tools.${index}` }));
  const isDeferred = ({ tool }: GivenTool) => tool.defer_loading === true;
  const isSearchedByServer = all.some(({ tool }) => /^tool_search_/.test(String(tool.type)));
  if (isSearchedByServer || all.every(isDeferred)) return all;
  const found = new Set([
    objectField(body, 'tool_choice')?.name,
    ...objectItems(body, 'messages').flatMap((message) => objectItems(message, 'content').flatMap(toolsNamedBy)),
  ]);
  return all.filter((given) => !isDeferred(given) || found.has(given.tool.name));
}

function toolsNamedBy(block: JsonObject): readonly unknown[] {
  if (block.type === 'tool_use') return [block.name];
  if (block.type === 'tool_addition') return [objectField(block, 'tool')?.name];
  return objectItems(block, 'content').map((inner) => (inner.type === 'tool_reference' ? inner.tool_name : undefined));
}

function translateChoice(choice: JsonObject): JsonObject {
  if (choice.type === 'tool') return { tool_choice: { type: 'function', function: { name: choice.name } } };
  if (choice.type === 'any') return { tool_choice: 'required' };
  return choice.type === 'auto' || choice.type === 'none' ? { tool_choice: choice.type } : {};
}

/** `undefined` for a tool that only Anthropic's servers run. */
function translateTool(tool: JsonObject): JsonObject | undefined {
  const type = stringField(tool, 'type') ?? 'custom';
  const known = knownTools.find(([pattern]) => pattern.test(type));
  const parameters = objectField(tool, 'input_schema') ?? known?.[2];
  const name = stringField(tool, 'name');
  if (name === undefined || (parameters === undefined && type !== 'custom')) return undefined;
  const description = stringField(tool, 'description') ?? known?.[1];
  return {
    type: 'function',
    function: {
      name,
      ...(description !== undefined && { description }),
      parameters: parameters ?? { type: 'object', properties: {} },
    },
  };
}

/** Tools that came into the conversation later (beta mid-conversation-tool-changes). */
function addedTools(body: JsonObject): readonly JsonObject[] {
  const known = new Set(objectItems(body, 'tools').map(({ name }) => name));
  return objectItems(body, 'messages')
    .flatMap((message) => objectItems(message, 'content'))
    .filter(({ type }) => type === 'tool_addition')
    .map((block) => objectField(objectField(block, 'tool') ?? {}, 'definition'))
    .filter((tool): tool is JsonObject => isJsonObject(tool) && !known.has(tool.name));
}

const isWebSearch = ({ type }: JsonObject) => typeof type === 'string' && type.startsWith('web_search');

function text(description: string): JsonObject {
  return { type: 'string', description };
}

function schemaOf(properties: JsonObject, required: readonly string[] = []): JsonObject {
  return { type: 'object', properties, ...(required.length > 0 && { required }) };
}
