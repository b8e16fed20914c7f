import { applyEdits, modify, type Node, type ParseError, parse, parseTree } from 'jsonc-parser';
import { isJsonObject, type JsonObject } from '../core/json.ts';

/** A place in a JSON document and what shall stand there; `undefined` takes it out. */
export type JsonChange = readonly [path: readonly (string | number)[], value: unknown];

const parseOptions = { allowTrailingComma: true, disallowComments: false };
const byteOrderMark = '\uFEFF';

/** Reads JSON with comments; an empty file is an empty object. `undefined` = it is broken, or no object. */
export function readJson(text: string): JsonObject | undefined {
  const body = withoutMark(text);
  if (body.trim() === '') return {};
  const errors: ParseError[] = [];
  const value: unknown = parse(body, errors, parseOptions);
  return errors.length === 0 && isJsonObject(value) ? value : undefined;
}

/** Changes single values in place; comments, order and layout of everything else stay. */
export function editJson(text: string, changes: readonly JsonChange[]): string | undefined {
  if (readJson(text) === undefined) return undefined;
  const body = withoutMark(text);
  let edited = body.trim() === '' ? '{}\n' : body;
  const layout = layoutOf(body);
  for (const [path, value] of changes) {
    const place = findPlace(parseTree(edited, [], parseOptions), path);
    if (place === undefined) return undefined;
    edited =
      insertAfterLast(edited, { ...place, path, value, layout }) ??
      applyEdits(edited, modify(edited, [...path], value, { formattingOptions: layout }));
  }
  return text.startsWith(byteOrderMark) ? byteOrderMark + edited : edited;
}

interface Place {
  /** The innermost container of the path that is there. */
  readonly container: Node;
  /** How many steps of the path lead to it. */
  readonly depth: number;
}

/** `undefined` where a step is no container, or is named twice: programs disagree which one counts. */
function findPlace(root: Node | undefined, path: JsonChange[0]): Place | undefined {
  let container = root;
  for (const [depth, step] of path.entries()) {
    if (container === undefined) return undefined;
    if (container.type !== (typeof step === 'number' ? 'array' : 'object')) return undefined;
    const children: readonly Node[] = container.children ?? [];
    const found =
      typeof step === 'number'
        ? children.slice(step, step + 1)
        : children.filter((each) => each.children?.[0]?.value === step);
    if (found.length > 1) return undefined;
    const next = typeof step === 'number' ? found[0] : found[0]?.children?.[1];
    if (next === undefined || depth === path.length - 1) return { container, depth };
    container = next;
  }
  return undefined;
}

type Layout = ReturnType<typeof layoutOf>;

/**
 * Adds to a container written over several lines, below its last entry and that one's own comment. The library would
 * lay out the neighbour anew and put the new entry before the comment. `undefined` = not such a case.
 */
function insertAfterLast(
  text: string,
  change: Place & { readonly path: JsonChange[0]; readonly value: unknown; readonly layout: Layout },
): string | undefined {
  const { container, depth, path, value, layout } = change;
  const [step, ...inner] = path.slice(depth);
  const last = container.children?.at(-1);
  const isThere =
    typeof step === 'number'
      ? step < (container.children?.length ?? 0)
      : container.children?.some((each) => each.children?.[0]?.value === step);
  if (value === undefined || last === undefined || isThere || inner.some((each) => typeof each === 'number'))
    return undefined;
  const indent = /(?:^|\n)([^\S\n]*)$/.exec(text.slice(0, last.offset))?.[1];
  const end = last.offset + last.length;
  const tail = /^([^\S\r\n]*,)?((?:[^\S\r\n]*(?:\/\*[^\r\n]*?\*\/))*[^\S\r\n]*(?:\/\/[^\r\n]*)?)(?=\r?\n)/.exec(
    text.slice(end),
  );
  if (indent === undefined || tail === null) return undefined;
  const [whole, comma = '', comment = ''] = tail;
  const nested = inner.reduceRight<unknown>((content, name) => ({ [name]: content }), value);
  const unit = layout.insertSpaces ? ' '.repeat(layout.tabSize) : '\t';
  const written = JSON.stringify(nested, undefined, unit).replaceAll('\n', `${layout.eol}${indent}`);
  const entry = typeof step === 'number' ? written : `${JSON.stringify(step)}: ${written}`;
  return `${text.slice(0, end)},${comment}${layout.eol}${indent}${entry}${comma.trim()}${text.slice(end + whole.length)}`;
}

function layoutOf(text: string) {
  const indent = /^([ \t]+)\S/m.exec(text)?.[1] ?? '  ';
  const insertSpaces = !indent.startsWith('\t');
  return { insertSpaces, tabSize: insertSpaces ? indent.length : 4, eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

const withoutMark = (text: string) => (text.startsWith(byteOrderMark) ? text.slice(1) : text);
