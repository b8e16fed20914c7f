import { isJsonObject, stringField } from '../../core/json.ts';

/** A conversation as it stood after a response: every item sent and every item answered. */
export type StoredItems = readonly unknown[];

/**
 * Conversations by the id of their last response, for clients that send `previous_response_id` instead of their history.
 * In memory alone and bounded; ids are random, so nobody comes upon another's.
 */
export interface ResponseStore {
  get(id: string): StoredItems | undefined;
  /** Kept items by their own ids: `item_reference`, in which the Vercel AI SDK sends what it may count on being stored. */
  find(ids: readonly string[]): ReadonlyMap<string, unknown>;
  /** Only the ids in `output` can be referred to: they are random, those that clients make up are not. */
  set(id: string, items: StoredItems, output?: StoredItems): void;
}

export interface ResponseStoreLimits {
  readonly responses: number;
  /** All kept items together, as JSON. */
  readonly bytes: number;
}

export const defaultStoreLimits: ResponseStoreLimits = { responses: 1_000, bytes: 64 * 1024 * 1024 };

/** Keeps the latest ones within the limits; what was read lately counts as late. */
export function createResponseStore(limits: ResponseStoreLimits = defaultStoreLimits): ResponseStore {
  const kept = new Map<
    string,
    { readonly json: string; readonly bytes: number; readonly itemIds: readonly string[] }
  >();
  /** The latest response that holds an item. */
  const owners = new Map<string, string>();
  let bytes = 0;
  const forget = (id: string) => {
    const found = kept.get(id);
    if (found === undefined) return;
    bytes -= found.bytes;
    kept.delete(id);
    for (const itemId of found.itemIds) if (owners.get(itemId) === id) owners.delete(itemId);
  };
  const get = (id: string): StoredItems | undefined => {
    const found = kept.get(id);
    if (found === undefined) return undefined;
    kept.delete(id);
    kept.set(id, found);
    // Kept as text: a parsed history is several times as large, and nobody can change it.
    const items: unknown = JSON.parse(found.json);
    return Array.isArray(items) ? items : undefined;
  };
  return {
    get,
    find(ids) {
      const wanted = new Set(ids);
      const found = new Map<string, unknown>();
      for (const id of wanted) {
        const owner = found.has(id) ? undefined : owners.get(id);
        // One reading gives all of a conversation, which is where the other ids are, too.
        for (const item of owner === undefined ? [] : (get(owner) ?? []))
          for (const itemId of idsOf([item])) if (wanted.has(itemId)) found.set(itemId, item);
      }
      return found;
    },
    set(id, items, output = []) {
      const json = JSON.stringify([...items, ...output]);
      const size = Buffer.byteLength(json);
      forget(id);
      if (size > limits.bytes) return;
      const itemIds = [...idsOf(items).filter((itemId) => owners.has(itemId)), ...idsOf(output)];
      for (const itemId of itemIds) owners.set(itemId, id);
      kept.set(id, { json, bytes: size, itemIds });
      bytes += size;
      for (const oldest of kept.keys()) {
        if (kept.size <= limits.responses && bytes <= limits.bytes) break;
        forget(oldest);
      }
    },
  };
}

const idsOf = (items: StoredItems): readonly string[] =>
  items.flatMap((item) => (isJsonObject(item) ? (stringField(item, 'id') ?? []) : []));
