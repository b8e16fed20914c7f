import type { Health } from '../accounts/health.ts';
import type { StateStore } from '../core/contracts.ts';
import { writeHealth } from './health-file.ts';

/** Writes health down, one write after the other: an older state never overtakes a newer one. */
export interface HealthKeeper {
  /** Keeps this state; of those that come while a write is in flight only the last is written. */
  save(health: ReadonlyMap<string, Health>): void;
  /** Resolves when everything saved has been written. */
  settled(): Promise<void>;
}

export function createHealthKeeper(state: StateStore): HealthKeeper {
  let latest: ReadonlyMap<string, Health> | undefined;
  let writing: Promise<void> | undefined;

  const write = async () => {
    while (latest !== undefined) {
      const health = latest;
      latest = undefined;
      await writeHealth(state, health);
    }
    writing = undefined;
  };

  return {
    save(health) {
      latest = health;
      writing ??= write();
    },
    settled: () => writing ?? Promise.resolve(),
  };
}
