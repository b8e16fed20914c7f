import type { Logger } from '../core/contracts.ts';
import { createEmitter } from '../core/emitter.ts';
import { parseJson } from '../core/json.ts';
import type { SharedMap } from '../core/team.ts';
import type { RedisLink } from './link.ts';
import { decodeVersioned, encodeVersioned, healScript, mark, type Versioned, writeScript } from './versioned.ts';

/** A deletion is remembered this long, for replicas that were away meanwhile. */
const tombstoneMs = 32 * 24 * 3_600_000;

/** A {@link SharedMap} over one Redis hash, and what this replica still owes it. */
export interface RedisMap extends SharedMap {
  /** Keys that were changed here and are not in Redis yet. */
  readonly unsent: number;
}

const absent: Versioned = { version: 0, value: undefined };

/** Opens the hash `name`: hears it, reads it, and mends it whenever the connection is made again. */
export async function openSharedMap(link: RedisLink, name: string, logger: Logger): Promise<RedisMap> {
  const changed = createEmitter<void>();
  const hash = link.key(name);
  const channel = `${name}:changes`;
  const known = new Map<string, Versioned>();
  const unsent = new Set<string>();

  const current = (key: string) => known.get(key) ?? absent;
  /** Takes a newer version; true where that changes what is seen. */
  const take = (key: string, next: Versioned): boolean => {
    const before = current(key);
    if (next.version <= before.version) return false;
    known.set(key, next);
    unsent.delete(key);
    return next.value !== before.value;
  };
  const takeAll = (texts: Readonly<Record<string, string>>): void => {
    let isChanged = false;
    for (const [key, text] of Object.entries(texts)) {
      const next = decodeVersioned(text);
      if (next !== undefined && take(key, next)) isChanged = true;
    }
    if (isChanged) changed.fire();
  };
  const fetchAll = async () => textsOf(await link.send('HGETALL', hash));

  /** After a loss: what is newer there is taken, what is newer here (or was lost with the server) is written again. */
  const mend = async (): Promise<void> => {
    const texts = await fetchAll();
    takeAll(texts);
    const oldest = (Date.now() - tombstoneMs) * 1_000;
    const owed: string[] = [];
    for (const [key, mine] of known) {
      if (mine.value === undefined && mine.version < oldest) {
        known.delete(key);
        if (texts[key] !== undefined) await link.send('HDEL', hash, key);
      } else if (mine.version > (decodeVersioned(texts[key] ?? '')?.version ?? 0))
        owed.push(key, encodeVersioned(mine));
    }
    if (owed.length > 0) await link.send('EVAL', healScript, '1', hash, link.key(channel), ...owed);
    for (const key of owed.filter((_part, index) => index % 2 === 0)) unsent.delete(key);
  };
  const write = async (key: string, value: string | undefined, expected: number | undefined): Promise<number> => {
    const answer = await link.send(
      ...['EVAL', writeScript, '1', hash, link.key(channel), key, mark(value)],
      expected === undefined ? '' : String(expected),
    );
    return Number(answer);
  };
  /** Counts here until the store can be told. */
  const keep = (key: string, value: string | undefined) => {
    known.set(key, { version: Math.max(current(key).version + 1, Date.now() * 1_000), value });
    unsent.add(key);
  };
  /** Writes to one key go one after the other. */
  const turns = new Map<string, { readonly last: Promise<unknown>; readonly waiting: number }>();
  const inTurn = <Result>(key: string, work: () => Promise<Result>): Promise<Result> => {
    const before = turns.get(key);
    const result = before === undefined ? work() : before.last.then(work);
    const last = result
      .catch(() => {})
      .then(() => {
        const { waiting = 1 } = turns.get(key) ?? {};
        if (waiting === 1) turns.delete(key);
        else turns.set(key, { last, waiting: waiting - 1 });
      });
    turns.set(key, { last, waiting: (before?.waiting ?? 0) + 1 });
    return result;
  };
  const put = async (key: string, value: string | undefined): Promise<void> => {
    if (!link.isUp) return keep(key, value);
    // Below every version that the store gives: whatever another replica writes meanwhile is seen, and then this again.
    const mine = { version: current(key).version + 1, value };
    known.set(key, mine);
    unsent.add(key);
    await inTurn(key, async () => {
      try {
        const version = await write(key, value, undefined);
        // A later value of this replica waits for its turn: it stays what is seen.
        const isLast = turns.get(key)?.waiting === 1;
        if (!isLast) known.set(key, { version: Math.max(version, current(key).version), value: current(key).value });
        else if (take(key, { version, value })) changed.fire();
        else unsent.delete(key);
      } catch {
        if (current(key) === mine) keep(key, value);
      }
    });
  };
  const read = async (key: string): Promise<string | undefined> => {
    if (link.isUp && !unsent.has(key))
      try {
        const text = await link.send('HGET', hash, key);
        if (typeof text === 'string') takeAll({ [key]: text });
      } catch {
        // Lost a moment ago: what is known here stands in.
      }
    return current(key).value;
  };
  const entries = () => new Map([...known].flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]])));

  await link.subscribe(channel, (message) => {
    const told = parseJson(message);
    if (!Array.isArray(told)) return;
    const [key, text] = told;
    if (typeof key === 'string' && typeof text === 'string') takeAll({ [key]: text });
  });
  await mend();
  link.onDidReconnect(
    () =>
      void mend().catch((error) =>
        logger.warn('Shared state could not be read again.', { name, reason: String(error) }),
      ),
  );

  return {
    entries,
    read,
    async readAll() {
      if (link.isUp)
        try {
          takeAll(await fetchAll());
        } catch {
          // As above.
        }
      return entries();
    },
    set: put,
    delete: (key) => put(key, undefined),
    swap: (key, expected, next) =>
      inTurn(key, async () => {
        const before = current(key);
        if (before.value !== expected) return false;
        if (link.isUp)
          try {
            const version = await write(key, next, before.version);
            if (version > 0) take(key, { version, value: next });
            else takeAll(textsOf({ [key]: await link.send('HGET', hash, key) }));
            return version > 0;
          } catch {
            // Lost a moment ago: it counts here until the store is back.
            if (current(key) !== before) return false;
          }
        keep(key, next);
        return true;
      }),
    onDidChange: changed.event,
    get unsent() {
      return unsent.size;
    },
  };
}

/** The answer to HGETALL: one text a field. */
function textsOf(answer: unknown): Record<string, string> {
  const texts: Record<string, string> = Object.create(null);
  if (typeof answer !== 'object' || answer === null) return texts;
  for (const [key, text] of Object.entries(answer)) if (typeof text === 'string') texts[key] = text;
  return texts;
}
