import type { Logger } from '../core/contracts.ts';
import type { Team } from '../core/team.ts';
import { openCounters } from './counters.ts';
import { openKeyRates } from './key-rates.ts';
import { connectRedis } from './link.ts';
import { createLocks } from './lock.ts';
import { createSealedMap } from './sealed-map.ts';
import { checkSealingKey, createSealedSecrets } from './sealed-secrets.ts';
import { createSealer } from './sealing.ts';
import { openSessions } from './sessions.ts';
import { openSharedMap } from './shared-map.ts';

export interface TeamOptions {
  /** `redis[s]://[[user][:password]@]host[:port][/database]` */
  readonly url: string;
  /** Before every key and channel: teams that share a server have different ones. */
  readonly prefix: string;
  /** 32 bytes. */
  readonly stateKey: Buffer;
  /** This replica's own name, kept with its home. */
  readonly replica: string;
  readonly allowsSingleUserPlans: boolean;
  readonly logger: Logger;
}

/** A team, and the connection that carries it. */
export interface ConnectedTeam extends Team {
  /** Redis commands sent so far. */
  readonly commands: number;
  /** @throws Error where changes of this replica have not reached Redis. */
  close(): Promise<void>;
}

/** Joins the team; rejects where Redis cannot be reached, or the key is another one's. */
export async function connectTeam(options: TeamOptions): Promise<ConnectedTeam> {
  const { replica, logger } = options;
  const link = await connectRedis(options);
  try {
    const sealer = createSealer(options.stateKey);
    const open = (name: string) => openSharedMap(link, name, logger);
    const [sealed, health, models, documents, keys, counters, sessions] = await Promise.all([
      open('secrets'),
      open('health'),
      open('models'),
      open('documents'),
      open('keys'),
      openCounters(link, replica),
      openSessions(link),
    ]);
    await checkSealingKey(sealed, sealer);
    const keyRates = openKeyRates(link, replica);
    const unsent = () => sealed.unsent + health.unsent + models.unsent + documents.unsent + keys.unsent;
    return {
      secrets: createSealedSecrets(sealed, sealer),
      health,
      models,
      documents,
      keys: createSealedMap(keys, sealer),
      keyRates,
      counters,
      sessions,
      allowsSingleUserPlans: options.allowsSingleUserPlans,
      exclusively: createLocks(link, link.sinceMs),
      status: () => ({
        replica,
        store: link.isUp ? 'connected' : 'lost',
        sinceMs: link.sinceMs,
        unsent: unsent(),
      }),
      onDidReconnect: link.onDidReconnect,
      get commands() {
        return link.commands;
      },
      async close() {
        const owed = sealed.unsent + keys.unsent;
        sessions.close();
        keyRates.close();
        link.close();
        if (owed > 0)
          throw new Error(`Redis was lost: ${owed} changed accounts or keys were not written. Make the change again.`);
      },
    };
  } catch (error) {
    link.close();
    throw error;
  }
}
