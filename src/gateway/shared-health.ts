import * as v from 'valibot';
import type { Health, HealthEntry } from '../accounts/health.ts';
import type { Pool } from '../accounts/pool.ts';
import { parseJson } from '../core/json.ts';
import type { SharedMap } from '../core/team.ts';
import { healthEntrySchema } from './health-file.ts';

/** Keeps the health of this replica's pool and the team's the same. */
export interface SharedHealth {
  /** Takes what the team knows in place of what was kept here. */
  open(): void;
  /** Tells the team what has changed here. */
  note(): void;
}

export interface SharedHealthOptions {
  readonly map: SharedMap;
  readonly pool: Pick<Pool, 'health' | 'restore'>;
  /** Another replica has learned something about an account. */
  readonly onLearned: () => void;
}

const separator = '\n';

/**
 * One shared value per account, cause and model, so that what one replica learns never takes back what another did. An
 * entry is taken away only as this replica has seen it: a newer failure, met elsewhere, stays.
 */
export function createSharedHealth({ map, pool, onLearned }: SharedHealthOptions): SharedHealth {
  /** As the pool and the team last agreed, by the key of the shared value. */
  let agreed = new Map<string, string>();
  /** Taken away here, and not yet there. */
  const leaving = new Set<string>();

  const own = () =>
    new Map(
      [...pool.health].flatMap(([id, health]) => health.map((entry) => [keyOf(id, entry), JSON.stringify(entry)])),
    );
  const adopt = () => {
    const shared = new Map([...map.entries()].filter(([key]) => !leaving.has(key)));
    const mine = own();
    if (shared.size === mine.size && [...shared].every(([key, text]) => mine.get(key) === text)) return false;
    const healths = new Map<string, Health>();
    for (const [key, text] of shared) {
      const { success, output } = v.safeParse(healthEntrySchema, parseJson(text));
      const id = key.split(separator, 1)[0] ?? '';
      if (success) healths.set(id, [...(healths.get(id) ?? []), output]);
    }
    pool.restore(healths);
    agreed = own();
    return true;
  };
  const takeAway = async (key: string, text: string) => {
    leaving.add(key);
    try {
      const isGone = await map.swap(key, text, undefined);
      leaving.delete(key);
      if (!isGone && adopt()) onLearned();
    } finally {
      leaving.delete(key);
    }
  };

  map.onDidChange(() => {
    if (adopt()) onLearned();
  });
  return {
    open: () => void adopt(),
    note() {
      const mine = own();
      const before = agreed;
      agreed = mine;
      for (const [key, text] of mine) if (before.get(key) !== text) void map.set(key, text);
      for (const [key, text] of before) if (!mine.has(key)) void takeAway(key, text);
    },
  };
}

const keyOf = (id: string, { code, model = '' }: HealthEntry) => [id, code, model].join(separator);
