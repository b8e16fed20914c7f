import { createEmitter, type Emitter } from '../../src/core/emitter.ts';
import { createKeyRates } from '../../src/core/key-rates.ts';
import type { ReplicaCounts, SharedMap, SharedSession, Team } from '../../src/core/team.ts';

/** What a team shares, in the memory of one process. */
export interface MemoryHub {
  join(replica: string, options?: { readonly allowsSingleUserPlans?: boolean }): Team;
}

export function createMemoryHub(): MemoryHub {
  const createMaps = () => {
    const values = new Map<string, string>();
    const changes = new Map<string, Emitter<void>>();
    const open = (replica: string): SharedMap => {
      const changed = changes.get(replica) ?? createEmitter<void>();
      changes.set(replica, changed);
      const write = (key: string, value: string | undefined) => {
        if (value === undefined) values.delete(key);
        else values.set(key, value);
        for (const [other, emitter] of changes) if (other !== replica) queueMicrotask(() => emitter.fire());
      };
      return {
        entries: () => new Map(values),
        read: async (key) => values.get(key),
        readAll: async () => new Map(values),
        set: async (key, value) => write(key, value),
        delete: async (key) => write(key, undefined),
        async swap(key, expected, next) {
          if (values.get(key) !== expected) return false;
          write(key, next);
          return true;
        },
        onDidChange: changed.event,
      };
    };
    return open;
  };
  const [secrets, health, models, documents] = [createMaps(), createMaps(), createMaps(), createMaps()];
  const keys = createMaps();
  const keyRates = createKeyRates(() => performance.now());
  const counts = new Map<string, Record<string, string>>();
  const published = createEmitter<ReplicaCounts>();
  const sessions: SharedSession[] = [];
  const bound = createEmitter<readonly SharedSession[]>();
  const locks = new Map<string, Promise<unknown>>();

  return {
    join(replica, { allowsSingleUserPlans = false } = {}) {
      const values = secrets(replica);
      return {
        secrets: {
          keys: async () => [...values.entries().keys()],
          get: values.read,
          set: values.set,
          delete: values.delete,
          swap: values.swap,
          onDidChange: values.onDidChange,
        },
        health: health(replica),
        models: models(replica),
        documents: documents(replica),
        keys: keys(replica),
        keyRates,
        counters: {
          async publish(fields) {
            counts.set(replica, { ...counts.get(replica), ...fields });
            published.fire({ replica, fields });
          },
          async drop(fields) {
            for (const field of fields) delete counts.get(replica)?.[field];
          },
          load: async () =>
            [...counts].filter(([other]) => other !== replica).map(([other, fields]) => ({ replica: other, fields })),
          onDidPublish: (listener) =>
            published.event((each) => (each.replica === replica ? undefined : listener(each))),
        },
        sessions: {
          bind(session, accountId) {
            sessions.push({ session, accountId });
            queueMicrotask(() => bound.fire([{ session, accountId }]));
          },
          load: async () => [...sessions],
          onDidBind: bound.event,
        },
        allowsSingleUserPlans,
        exclusively(name, work) {
          const result = (locks.get(name) ?? Promise.resolve()).then(work);
          locks.set(
            name,
            result.catch(() => {}),
          );
          return result;
        },
        status: () => ({ replica, store: 'connected', sinceMs: 0, unsent: 0 }),
        onDidReconnect: createEmitter<void>().event,
      };
    },
  };
}
