import { isJsonObject, type JsonObject, objectField, objectItems, parseJson, stringField } from '../core/json.ts';
import { toolRenames } from './chat-tools.ts';

/** The tools a client offered: name → JSON Schema of the arguments. */
export type OfferedTools = ReadonlyMap<string, JsonObject>;

export interface LeakedCall {
  readonly name: string;
  /** JSON. */
  readonly arguments: string;
}

/** The offered functions of a body, under the names the model knows them by. */
export function offeredTools(body: JsonObject): OfferedTools {
  const renames = toolRenames(body);
  return new Map(
    objectItems(body, 'tools').flatMap((tool) => {
      const definition = objectField(tool, 'function') ?? {};
      const name = stringField(definition, 'name');
      return name === undefined ? [] : [[renames.get(name) ?? name, objectField(definition, 'parameters') ?? {}]];
    }),
  );
}

/** A name comes within the first signs of a call, or it is none. */
const headLength = 300;

/** Whether what begins with a mark can still become a call of an offered tool; looks at the first signs only. */
export function mayBecomeCall(text: string, tools: OfferedTools): boolean {
  const head = text.slice(0, headLength).replace(/^<tool_call>\s*/, '');
  const isShort = text.length < headLength;
  const found = /^<function=\s*([^>\n]*)(>?)/.exec(head) ?? /^\{\s*"name"\s*:\s*"([^"]*)("?)/.exec(head);
  if (found === null) return isShort && (/^\{[^}]{0,20}$/.test(head) || '<function='.startsWith(head));
  const name = found[1] ?? '';
  if (found[2] !== '') return tools.has(name.trim());
  return isShort && [...tools.keys()].some((each) => each.startsWith(name));
}

/** Reads a whole leaked call, marks included: Hermes' JSON, or the XML of Qwen's coder models. */
export function readLeakedCall(text: string, tools: OfferedTools): LeakedCall | undefined {
  const inner = text
    .replace(/^<tool_call>/, '')
    .replace(/<\/tool_call>$/, '')
    .trim();
  const call = inner.startsWith('{') ? readJson(inner) : readXml(inner, tools);
  return call !== undefined && tools.has(call.name) ? call : undefined;
}

function readJson(text: string): LeakedCall | undefined {
  const call = parseJson(text);
  const name = isJsonObject(call) ? stringField(call, 'name') : undefined;
  if (!isJsonObject(call) || name === undefined || !isJsonObject(call.arguments ?? {})) return undefined;
  return { name, arguments: JSON.stringify(call.arguments ?? {}) };
}

function readXml(text: string, tools: OfferedTools): LeakedCall | undefined {
  const found = /^<function=([^>\n]+)>([\s\S]*)<\/function>$/.exec(text);
  if (found === null) return undefined;
  const name = (found[1] ?? '').trim();
  const schemas = objectField(tools.get(name) ?? {}, 'properties') ?? {};
  const parameters = (found[2] ?? '').matchAll(/<parameter=([^>\n]+)>\n?([\s\S]*?)\n?<\/parameter>/g);
  const given = [...parameters].map(([, parameter = '', value = '']) => {
    const key = parameter.trim();
    return [key, typed(value, objectField(schemas, key))] as const;
  });
  return { name, arguments: JSON.stringify(Object.fromEntries(given)) };
}

/** XML knows text alone; what the schema wants otherwise is read as JSON where it is some. */
function typed(value: string, schema: JsonObject | undefined): unknown {
  if (schema?.type === undefined || schema.type === 'string') return value;
  return parseJson(value.trim()) ?? value;
}
