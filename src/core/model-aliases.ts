import * as v from 'valibot';
import { isJsonObject, parseJson } from './json.ts';

/** A name that clients may ask for, with `*` for any characters, and the model that serves it. */
export interface ModelAlias {
  readonly pattern: string;
  readonly model: string;
}

const shape = 'must be pairs such as gpt-*=qwen3-coder-plus, separated by commas, or a JSON object of them';

/** `{"gpt-*": "model"}`, the same as JSON text, or `gpt-*=model,o*=model`. */
export const modelAliases = v.pipe(
  v.unknown(),
  v.rawTransform(({ dataset, addIssue, NEVER }): readonly ModelAlias[] => {
    const refuse = (message: string) => {
      addIssue({ message });
      return NEVER;
    };
    const pairs = pairsOf(dataset.value);
    if (pairs === undefined) return refuse(shape);
    const aliases: ModelAlias[] = [];
    for (const [name, value] of pairs) {
      const pattern = name.trim();
      const model = typeof value === 'string' ? value.trim() : '';
      if (!/^\S+$/.test(pattern)) return refuse(shape);
      if (!/^[^\s*]+$/.test(model)) return refuse(`must name a model for ${pattern}, without "*" or spaces`);
      if (aliases.some((alias) => alias.pattern.toLowerCase() === pattern.toLowerCase()))
        return refuse(`must have ${pattern} only once`);
      aliases.push({ pattern, model });
    }
    return aliases;
  }),
);

function pairsOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (isJsonObject(value)) return Object.entries(value);
  if (typeof value !== 'string') return undefined;
  if (value.trim().startsWith('{')) {
    const parsed = parseJson(value);
    return isJsonObject(parsed) ? Object.entries(parsed) : undefined;
  }
  const parts = value.split(',').filter((part) => part.trim() !== '');
  if (parts.some((part) => !part.includes('='))) return undefined;
  return parts.map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]);
}

/** The model that the aliases put in place of a name: the exact name's, else that of the pattern with the most to match. */
export function aliasedModel(name: string, aliases: readonly ModelAlias[]): string | undefined {
  const matching = aliases.filter(({ pattern }) => matches(pattern.toLowerCase(), name.toLowerCase()));
  const weight = ({ pattern }: ModelAlias) =>
    pattern.includes('*') ? pattern.replaceAll('*', '').length : Number.POSITIVE_INFINITY;
  return matching.toSorted((a, b) => weight(b) - weight(a))[0]?.model;
}

/** In one pass over the name: a regular expression of many stars could be made to run for ever. */
function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || name.length < first.length + last.length) return false;
  let from = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, from);
    if (found === -1) return false;
    from = found + part.length;
  }
  return name.endsWith(last) && from <= name.length - last.length;
}
