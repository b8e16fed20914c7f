import { createEmitter } from '../core/emitter.ts';
import type { SharedSession, SharedSessions } from '../core/team.ts';
import type { RedisLink } from './link.ts';

/** Bindings of this long are told together. */
const gatherMs = 20;
/** As long as a conversation is remembered in one process (`accounts/affinity.ts`), and as many. */
const idleMs = 60 * 60_000;
const maximumSessions = 5_000;
const setName = 'sessions';
const channel = 'sessions:changes';
const separator = ' ';

/** A sorted set of `session account` by time: the newest line of a conversation counts. */
export async function openSessions(link: RedisLink): Promise<SharedSessions & { close(): void }> {
  const bound = createEmitter<readonly SharedSession[]>();
  const gathered = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;

  const send = async () => {
    timer = undefined;
    const lines = [...gathered].map((parts) => parts.join(separator));
    gathered.clear();
    if (!link.isUp) return;
    const nowMs = Date.now();
    await link.sendAll([
      ['ZADD', link.key(setName), ...lines.flatMap((line) => [String(nowMs), line])],
      ['ZREMRANGEBYSCORE', link.key(setName), '-inf', String(nowMs - idleMs)],
      ['ZREMRANGEBYRANK', link.key(setName), '0', String(-maximumSessions - 1)],
      ['PUBLISH', link.key(channel), lines.join('\n')],
    ]);
  };
  await link.subscribe(channel, (message) => bound.fire(message.split('\n').flatMap(decodeLine)));

  return {
    bind(session, accountId) {
      gathered.set(session, accountId);
      // Lost with the store, or with this process: the conversation is bound again by its next answer.
      timer ??= setTimeout(() => void send().catch(() => {}), gatherMs).unref();
    },
    async load() {
      const lines = await link.send('ZRANGE', link.key(setName), '0', '-1');
      return (Array.isArray(lines) ? lines : []).flatMap((line) => (typeof line === 'string' ? decodeLine(line) : []));
    },
    onDidBind: bound.event,
    close: () => clearTimeout(timer),
  };
}

function decodeLine(line: string): readonly SharedSession[] {
  const [session, accountId] = line.split(separator);
  return session === undefined || accountId === undefined ? [] : [{ session, accountId }];
}
