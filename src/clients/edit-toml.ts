import { parse, patch, stringify } from '@decimalturn/toml-patch';
import { isJsonObject, type JsonObject, objectField } from '../core/json.ts';

/** A table below a table, and what shall be in it. */
export interface TomlSection {
  readonly parent: string;
  readonly name: string;
  readonly values: JsonObject;
}

/** Reads TOML; `undefined` = it is broken. */
export function readToml(text: string): JsonObject | undefined {
  try {
    const value: unknown = parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Sets values at the top of the document and in one section; comments and everything else stay. `undefined` = it is
 * broken, or has something else in place of the section.
 */
export function editToml(text: string, top: JsonObject, { parent, name, values }: TomlSection): string | undefined {
  const present = readToml(text);
  if (present === undefined) return undefined;
  const parents = present[parent];
  try {
    if (parents !== undefined) {
      if (!isJsonObject(parents)) return undefined;
      const section = { ...objectField(parents, name), ...values };
      return patch(text, { ...present, ...top, [parent]: { ...parents, [name]: section } });
    }
    const head = patch(text, { ...present, ...top });
    const eol = text.includes('\r\n') ? '\r\n' : '\n';
    const section = `[${parent}.${name}]\n${stringify(values)}`.trimEnd().replaceAll('\n', eol);
    return `${head.trimEnd()}${eol}${eol}${section}${eol}`;
  } catch {
    return undefined;
  }
}
