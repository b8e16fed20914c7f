/** A conversation as it stood after a response: every item sent and every item answered. */
export type StoredItems = readonly unknown[];

/**
 * Conversations by the id of their last response, for clients that send `previous_response_id` instead of their history.
 * In memory alone and bounded; ids are random, so nobody comes upon another's.
 */
export interface ResponseStore {
  get(id: string): StoredItems | undefined;
  set(id: string, items: StoredItems): void;
}

export interface ResponseStoreLimits {
  readonly responses: number;
  /** All kept items together, as JSON. */
  readonly bytes: number;
}

export const defaultStoreLimits: ResponseStoreLimits = { responses: 1_000, bytes: 64 * 1024 * 1024 };

/** Keeps the latest ones within the limits; what was read lately counts as late. */
export function createResponseStore(limits: ResponseStoreLimits = defaultStoreLimits): ResponseStore {
  const kept = new Map<string, { readonly json: string; readonly bytes: number }>();
  let bytes = 0;
  const forget = (id: string) => {
    bytes -= kept.get(id)?.bytes ?? 0;
    kept.delete(id);
  };
  return {
    get(id) {
      const found = kept.get(id);
      if (found === undefined) return undefined;
      kept.delete(id);
      kept.set(id, found);
      // Kept as text: a parsed history is several times as large, and nobody can change it.
      const items: unknown = JSON.parse(found.json);
      return Array.isArray(items) ? items : undefined;
    },
    set(id, items) {
      const json = JSON.stringify(items);
      const size = Buffer.byteLength(json);
      forget(id);
      if (size > limits.bytes) return;
      kept.set(id, { json, bytes: size });
      bytes += size;
      for (const oldest of kept.keys()) {
        if (kept.size <= limits.responses && bytes <= limits.bytes) break;
        forget(oldest);
      }
    },
  };
}
