import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../core/contracts.ts';
import { isJsonObject, type JsonObject, objectItems, stringField } from '../core/json.ts';
import type { LedgerEntry } from './ledger-entry.ts';

/** What DEBUG_LOG keeps of one request: its ledger line and the shape of its body, never a text or a credential of it. */
export interface RequestLog {
  write(entry: LedgerEntry, body: JsonObject): Promise<void>;
}

export interface RequestLogOptions {
  readonly directory: string;
  readonly isOn: () => boolean;
  /** How many files are kept; the oldest go first. */
  readonly fileLimit: () => number;
  readonly writeFile: (path: string, text: string) => Promise<void>;
  readonly logger: Logger;
}

const filePattern = /^\d{8}T\d{9}Z-[\w-]+\.json$/;

/** One file a request, named by time, so that the newest sort last. */
export function createRequestLog({ directory, isOn, fileLimit, writeFile, logger }: RequestLogOptions): RequestLog {
  let pruning: Promise<void> | undefined;
  const prune = async () => {
    const files = (await readdir(directory)).filter((name) => filePattern.test(name)).sort();
    for (const name of files.slice(0, Math.max(0, files.length - fileLimit())))
      await rm(join(directory, name), { force: true });
  };
  return {
    async write(entry, body) {
      if (!isOn()) return;
      const stamp = new Date(entry.at).toISOString().replace(/[-:.]/g, '');
      try {
        await writeFile(
          join(directory, `${stamp}-${entry.id}.json`),
          `${JSON.stringify({ ...entry, request: describeBody(body) }, null, 2)}\n`,
        );
        pruning ??= prune().finally(() => {
          pruning = undefined;
        });
        await pruning;
      } catch (error) {
        logger.warn('The request log could not be written.', { reason: String(error) });
      }
    },
  };
}

/**
 * The shape of a body: names of fields, roles and sizes of messages, names of tools, plain numbers and switches. Strings
 * are replaced by their length, because any of them may hold a prompt or a key.
 */
export function describeBody(body: JsonObject): JsonObject {
  const described = Object.entries(body).map(([name, value]) => {
    if (name === 'messages') return [name, objectItems(body, name).map(describeMessage)];
    if (name === 'tools') return [name, objectItems(body, name).map(toolName)];
    return [name, describeValue(value)];
  });
  return Object.fromEntries(described);
}

function describeMessage(message: JsonObject): JsonObject {
  const { role, ...rest } = message;
  return {
    role: typeof role === 'string' ? role.slice(0, 20) : describeValue(role),
    ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, describeValue(value)])),
  };
}

function toolName(tool: JsonObject): string {
  const named = isJsonObject(tool.function) ? tool.function : tool;
  return (stringField(named, 'name') ?? stringField(tool, 'type') ?? '?').slice(0, 64);
}

function describeValue(value: unknown): unknown {
  if (typeof value === 'string') return `<${value.length} characters>`;
  if (Array.isArray(value)) return `<${value.length} items, ${JSON.stringify(value).length} characters>`;
  if (isJsonObject(value)) return `<object, ${JSON.stringify(value).length} characters>`;
  return value;
}
