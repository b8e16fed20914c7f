import { isJsonObject, type JsonObject, parseJson } from './json.ts';

/** Fields whose short, plain values say what a request is, and nothing of what is in it. */
const plainFields = new Set(
  'model role type object name finish_reason stop_reason native_finish_reason status event detail effort service_tier format response_format encoding_format tool_choice mode level code media_type'.split(
    ' ',
  ),
);
/** Ids tie calls to their results. */
const idFields = new Set(['id', 'tool_call_id', 'tool_use_id', 'call_id', 'item_id', 'response_id', 'request_id']);
/** Everything in them is the user's own, whatever its fields are called. */
const contentFields = new Set(['arguments', 'partial_json', 'input', 'metadata', 'user', 'content_block_input']);
const plainValue = /^[A-Za-z][\w.:/@-]{0,63}$/;
const idValue = /^[A-Za-z]+[-_][\w-]{1,60}$/;
/** What looks like a credential is never plain, wherever it stands. */
const credential = /(^|[^A-Za-z])(sk|qp|pk|rk|ghp|gho|xox[bp]|eyJ|AKIA|Bearer|Basic)[-_ .]?[A-Za-z0-9]/i;
const plainName = /^[\w.$:/-]{1,64}$/;
const deepest = 12;
const mostItems = 200;

/**
 * A JSON value with its shape, numbers and field names, but without its texts: each is replaced by its length. It goes
 * by the place of a text, not by its looks: what no list names is not shown.
 */
export function redactJson(value: unknown): unknown {
  return redact(value, { field: '', isContent: false, depth: 0 });
}

/** The same for an object. */
export function redactObject(value: JsonObject): JsonObject {
  const redacted = redactJson(value);
  return isJsonObject(redacted) ? redacted : {};
}

/** Where a value stands. */
interface Place {
  readonly field: string;
  readonly isContent: boolean;
  readonly depth: number;
}

function redact(value: unknown, place: Place): unknown {
  if (typeof value === 'string') return redactText(value, place);
  if (typeof value !== 'object' || value === null) return value;
  const depth = place.depth + 1;
  if (depth > deepest) return `<${JSON.stringify(value).length} characters>`;
  if (Array.isArray(value)) {
    const items = value.slice(0, mostItems).map((item) => redact(item, { ...place, depth }));
    return value.length > mostItems ? [...items, `<${value.length - mostItems} more>`] : items;
  }
  const fields = Object.entries(value).slice(0, mostItems);
  return Object.fromEntries(
    fields.map(([name, each], index) => {
      const isPlain = plainName.test(name) && !credential.test(name);
      const field = isPlain ? name : '';
      // `input` holds messages in one format and a tool's arguments in another; only the second is an object.
      const holdsContent = contentFields.has(field) && !(field === 'input' && Array.isArray(each));
      return [
        isPlain ? name : `<field ${index + 1}>`,
        redact(each, { field, isContent: place.isContent || holdsContent, depth }),
      ];
    }),
  );
}

function redactText(text: string, { field, isContent, depth }: Place): string {
  if (text === '') return '';
  const isPlain = (plainFields.has(field) && plainValue.test(text)) || (idFields.has(field) && idValue.test(text));
  if (isPlain && !isContent && !credential.test(text)) return text;
  // Arguments of a tool call are JSON in a text: their shape is what a bug is about.
  if (field === 'arguments' || field === 'partial_json') {
    const parsed = parseJson(text);
    if (isJsonObject(parsed)) return JSON.stringify(redact(parsed, { field: '', isContent: true, depth }));
  }
  const data = /^data:([\w/+.-]{1,40});base64,/.exec(text);
  if (data) return `data:${data[1]};base64,<${text.length} characters>`;
  return `<${text.length} characters>`;
}

/** Headers that say how something is sent; every other value is replaced by its length. */
const plainHeaders = new Set(
  'accept accept-encoding cache-control content-length content-type date retry-after server transfer-encoding user-agent x-dashscope-cachecontrol x-ratelimit-limit-requests x-ratelimit-remaining-requests'.split(
    ' ',
  ),
);

export function redactHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      if (value === undefined) return [];
      const text = typeof value === 'string' ? value : value.join(', ');
      const isPlain = plainHeaders.has(name.toLowerCase()) && !credential.test(text);
      return [[name, isPlain ? text : `<${text.length} characters>`]];
    }),
  );
}
