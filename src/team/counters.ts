import { createEmitter } from '../core/emitter.ts';
import { isJsonObject, parseJson } from '../core/json.ts';
import type { ReplicaCounts, SharedCounters } from '../core/team.ts';
import type { RedisLink } from './link.ts';

/** The counts of a replica that was not seen for this long are in no window any more: the longest is a month. */
const keptSeconds = 33 * 24 * 3_600;
const channel = 'usage:changes';
const replicasName = 'usage:replicas';

/** One hash a replica, which it alone writes: a sum of such needs no lock and survives being written twice. */
export async function openCounters(link: RedisLink, replica: string): Promise<SharedCounters> {
  const published = createEmitter<ReplicaCounts>();
  const hashOf = (id: string) => link.key(`usage:${id}`);

  await link.subscribe(channel, (message) => {
    const counts = parseJson(message);
    if (!isJsonObject(counts) || typeof counts.replica !== 'string' || counts.replica === replica) return;
    published.fire({ replica: counts.replica, fields: textFields(counts.fields) });
  });

  return {
    async publish(fields) {
      const pairs = Object.entries(fields).flat();
      if (pairs.length === 0) return;
      await link.sendAll([
        ['HSET', hashOf(replica), ...pairs],
        ['EXPIRE', hashOf(replica), String(keptSeconds)],
        ['ZADD', link.key(replicasName), String(Math.floor(Date.now() / 1_000)), replica],
        ['PUBLISH', link.key(channel), JSON.stringify({ replica, fields })],
      ]);
    },
    async drop(fields) {
      if (fields.length > 0) await link.send('HDEL', hashOf(replica), ...fields);
    },
    async load() {
      const oldest = Math.floor(Date.now() / 1_000) - keptSeconds;
      const ids = await link.send('ZRANGE', link.key(replicasName), String(oldest), '+inf', 'BYSCORE');
      const others = (Array.isArray(ids) ? ids : []).filter(
        (id): id is string => typeof id === 'string' && id !== replica,
      );
      return Promise.all(
        others.map(async (id) => ({ replica: id, fields: textFields(await link.send('HGETALL', hashOf(id))) })),
      );
    },
    onDidPublish: published.event,
  };
}

function textFields(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((field): field is [string, string] => typeof field[1] === 'string'),
  );
}
