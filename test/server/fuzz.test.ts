import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fuzz } from '../support/fuzz.ts';
import { routeRequests } from '../support/route-requests.ts';
import { hurriedPauses, startProxy, type TestProxy } from '../support/server-proxy.ts';
import { useSimulator } from '../support/use-simulator.ts';

/** The long run is `node bench/fuzz.ts`. */
const requests = 800;

describe('fuzz: every route', () => {
  for (const seed of [1, 2_026])
    it(`mutated requests and answers, seed ${seed}: no 500, no hang, and it serves on`, async () => {
      const { sent, statuses, findings } = await fuzz({ seed, goesOn: (count) => count < requests });
      assert.deepEqual(findings, []);
      assert.ok(sent >= requests);
      // What never gets past the parser proves nothing.
      assert.ok((statuses['200'] ?? 0) > requests / 20, JSON.stringify(statuses));
      assert.ok((statuses['400'] ?? 0) > requests / 20, JSON.stringify(statuses));
    });

  describe('any JSON in any field', () => {
    const simulator = useSimulator({ keys: ['sk-one'], keepRequests: 10 });
    let server: TestProxy;
    before(async () => {
      server = await startProxy({
        accounts: { one: 'sk-one' },
        baseUrl: simulator.baseUrl,
        anthropicBaseUrl: simulator.anthropicBaseUrl,
        clock: hurriedPauses(1_000),
      });
    });
    after(() => server.dispose());

    const fields = routeRequests.flatMap(({ path, body }) =>
      body === undefined || path.startsWith('/internal/')
        ? []
        : Object.keys(body).map((field) => ({ path, body, field })),
    );
    it('is answered, never with 500', async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...fields), fc.jsonValue(), async ({ path, body, field }, value) => {
          const answer = await server.raw(path, { body: JSON.stringify({ ...body, [field]: value }) });
          await server.proxy.clearAccount('one');
          assert.notEqual(answer.status, 500, answer.text);
          assert.ok(
            answer.status === 200 || typeof answer.error.message === 'string' || answer.json.error !== undefined,
          );
        }),
        { numRuns: 300, seed: 7 },
      );
    });
  });
});
