import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { t } from './translate.ts';
import { UsageError } from './usage-error.ts';

/** A value that the user wrote somewhere, and where, for messages. */
export interface FoundValue {
  readonly value: unknown;
  /** `config.yaml:3`; absent for the environment, where there is no line. */
  readonly place?: string;
}

/** What a configuration file says: values by the name of their variable, and what is wrong with it. */
export interface ConfigFile {
  readonly values: ReadonlyMap<string, FoundValue>;
  readonly problems: readonly string[];
}

/** `allowedHosts` and `ALLOWED_HOSTS` are the same setting. */
const variableOf = (name: string) =>
  /^[A-Z0-9_]+$/.test(name) ? name : name.replace(/[a-z0-9](?=[A-Z])/g, '$&_').toUpperCase();

/** Reads a file of settings, JSON or YAML; JSON is read as the YAML that it is, for the sake of its lines. */
export function readConfigFile(path: string, known: readonly string[]): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(t('The configuration file {0} cannot be read.', path));
  }
  return parseConfigFile(basename(path), text, known);
}

export function parseConfigFile(name: string, text: string, known: readonly string[]): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number) => `${name}:${lines.linePos(offset).line}`;
  const problems = document.errors.map(({ message, pos }) => `${message} (${placeAt(pos[0])})`);
  const values = new Map<string, FoundValue>();
  const { contents } = document;
  if (problems.length > 0 || contents === null) return { values, problems };
  if (!isMap(contents)) return { values, problems: [t('It must hold settings by their names ({0}).', `${name}:1`)] };
  for (const { key, value } of contents.items) {
    const written = isScalar(key) ? String(key.value) : String(key);
    const place = placeAt(isScalar(key) ? (key.range?.[0] ?? 0) : 0);
    const variable = variableOf(written);
    if (!known.includes(variable)) problems.push(t('{0} is no setting ({1}).', written, place));
    else if (values.has(variable)) problems.push(t('{0} is set twice ({1}).', written, place));
    else values.set(variable, { value: toPlain(value), place });
  }
  return { values, problems };
}

/** What a node of the document stands for. */
function toPlain(node: unknown): unknown {
  if (isScalar(node)) return node.value;
  return typeof node === 'object' && node !== null && 'toJSON' in node && typeof node.toJSON === 'function'
    ? node.toJSON()
    : node;
}
