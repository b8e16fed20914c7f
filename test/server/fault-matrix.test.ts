import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { type ErrorCode, errorScopes } from '../../src/core/errors.ts';
import { classifyHttpError } from '../../src/upstream/errors.ts';
import { hurriedPauses, startProxy, type TestProxy, textOfEvents } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

interface CatalogueEntry {
  readonly id: number;
  readonly status: number;
  readonly body: unknown;
  readonly class: string;
  readonly delivery?: string;
}

const catalogue: readonly CatalogueEntry[] = JSON.parse(
  readFileSync(new URL('../fixtures/qwen-errors.json', import.meta.url), 'utf8'),
);
/** One entry of each class that an HTTP answer of an inference host can have. */
const byClass = [
  ...new Map(
    catalogue
      .filter(({ status, delivery = '' }) => status >= 400 && !/token endpoint|device/.test(delivery))
      .map((entry) => [entry.class, entry] as const),
  ).values(),
];

const codeOf = ({ status, body }: CatalogueEntry): ErrorCode =>
  classifyHttpError({ status, headers: {}, body: typeof body === 'string' ? body : JSON.stringify(body), now: 0 }).code;

/** Every class of error × the account that meets it × before or after the commit point. */
describe('fault matrix of the gateway', () => {
  const simulator = useSimulator({ keys: ['sk-first', 'sk-second'] });
  let proxy: TestProxy;

  beforeEach(async () => {
    proxy = await startProxy({
      accounts: { first: 'sk-first', second: 'sk-second' },
      baseUrl: simulator.baseUrl,
      clock: hurriedPauses(50),
    });
  });
  afterEach(() => proxy.dispose());

  const asked = (key: string) => simulator.chatRequests.filter((request) => request.key === key).length;
  const stateOf = async (id: string) => {
    const account = (await proxy.proxy.snapshot()).accounts.find((candidate) => candidate.id === id);
    return account === undefined
      ? undefined
      : { state: account.state, isBlocked: account.state !== 'ready' || account.obstacles.length > 0 };
  };
  const isDone = (text: string) => text.includes('data: [DONE]');

  for (const entry of byClass) {
    const code = codeOf(entry);
    const scope = errorScopes[code];
    describe(`${entry.class} (${code}, ${scope})`, () => {
      for (const stream of [true, false])
        it(`of the first account, before the commit point, ${stream ? 'stream' : 'JSON'}`, async () => {
          simulator.fail({ key: 'sk-first', times: Number.POSITIVE_INFINITY, fault: { kind: 'error', id: entry.id } });
          const answer = await proxy.chat({ stream });
          const first = await stateOf('first');
          if (scope === 'request') {
            assert.notEqual(answer.status, 200);
            assert.equal(asked('sk-first'), 1, 'asked once');
            assert.equal(asked('sk-second'), 0, 'another account would say the same');
            assert.deepEqual(first, { state: 'ready', isBlocked: false });
            return;
          }
          assert.equal(answer.status, 200, answer.text);
          if (stream) assert.ok(isDone(answer.text));
          assert.doesNotMatch(answer.text, /"error"/);
          assert.equal(asked('sk-second'), 1);
          // A broken tool call is the model's slip: it says nothing about the account.
          assert.equal(first?.isBlocked, code !== 'model_output', 'the first account is left alone for a while');
          assert.deepEqual(await stateOf('second'), { state: 'ready', isBlocked: false });
        });

      it('of the second account, while the first one works: nobody notices', async () => {
        simulator.fail({ key: 'sk-second', times: Number.POSITIVE_INFINITY, fault: { kind: 'error', id: entry.id } });
        assert.equal((await proxy.chat({ stream: true })).status, 200);
        assert.equal(asked('sk-second'), 0);
      });

      it('of both: an error that says so, in bounded time', async () => {
        simulator.fail({ times: Number.POSITIVE_INFINITY, fault: { kind: 'error', id: entry.id } });
        const answer = await proxy.chat({ stream: true });
        assert.ok(answer.status >= 400, String(answer.status));
        assert.equal(typeof JSON.parse(answer.text).error.message, 'string');
        assert.ok(simulator.chatRequests.length <= 8, `${simulator.chatRequests.length} attempts`);
      });

      it('after the commit point: what was sent stays, the end is truthful, nothing is replayed', async () => {
        simulator.fail({
          key: 'sk-first',
          fault: { kind: 'in-stream-error', form: 'data-error', id: entry.id, afterChunks: 3 },
        });
        const answer = await proxy.chat({ stream: true });
        assert.equal(answer.status, 200);
        assert.ok(textOfEvents(answer).length > 0, 'the client has seen content');
        assert.match(answer.text, /"error"/);
        assert.equal(isDone(answer.text), false);
        assert.equal(asked('sk-second'), 0);
      });
    });
  }
});

describe('switching accounts', () => {
  it('10,000 times leaves the heap flat', async () => {
    const { createPool } = await import('../../src/accounts/pool.ts');
    const { GatewayError } = await import('../../src/core/errors.ts');
    const { keyAccount } = await import('../support/accounts.ts');
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    let nowMs = 1;
    const accounts = ['a', 'b', 'c'].map((id) => keyAccount(id));
    const pool = createPool({
      clock: { now: () => nowMs, sleep: async () => {}, after: () => () => {} },
      accounts: () => accounts,
      strategy: () => 'fallback',
      requestsToday: () => 0,
      quotaLeft: () => undefined,
      modelFor: (_account, asked) => asked ?? 'm',
    });
    const switchAccounts = (times: number) => {
      for (let turn = 0; turn < times; turn++) {
        nowMs += 120_000;
        const session = `session ${turn}`;
        const failed = pool.acquire({ model: 'm', tried: new Set(), session });
        pool.report(failed, { kind: 'failed', error: new GatewayError('rate_limited', `turn ${turn}`) });
        const served = pool.acquire({ model: 'm', tried: new Set([failed.account.id]), session });
        assert.notEqual(served.account.id, failed.account.id);
        pool.report(served, { kind: 'answered' });
      }
    };
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    // The bounded tables are full after this; from here on nothing may grow.
    switchAccounts(10_000);
    const before = heap();
    switchAccounts(10_000);
    const grownBytes = heap() - before;
    assert.ok(grownBytes < 512 * 1024, `the heap grew by ${grownBytes} bytes`);
  });
});
