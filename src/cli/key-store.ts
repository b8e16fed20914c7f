import * as v from 'valibot';
import type { NamedClientKey } from '../core/client-key.ts';

const amount = v.pipe(v.number(), v.integer(), v.minValue(1));

/** A named key as it is written down. */
export const namedKeySchema = v.object({
  name: v.string(),
  digest: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  createdAtMs: v.number(),
  limits: v.object({
    requestsPerMinute: v.exactOptional(amount),
    tokensPerDay: v.exactOptional(amount),
    concurrentRequests: v.exactOptional(amount),
    models: v.exactOptional(v.array(v.string())),
  }),
});

/** Where the named client keys live: digests and limits, never a key. */
export interface KeyStore {
  /** As they were read last. */
  list(): readonly NamedClientKey[];
  read(): Promise<readonly NamedClientKey[]>;
  /** Answers whether the name was free. */
  add(key: NamedClientKey): Promise<boolean>;
  /** Answers whether there was such a key. */
  remove(name: string): Promise<boolean>;
  /** From now on `list` follows what other processes write. */
  watch(onProblem: (error: unknown) => void): void;
  close(): void;
}
