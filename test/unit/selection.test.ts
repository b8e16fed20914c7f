import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Candidate, rank } from '../../src/accounts/selection.ts';
import { type AccountStrategy, accountStrategies } from '../../src/core/settings.ts';

const candidate = (id: string, facts: Partial<Candidate> = {}): Candidate => ({
  id,
  requestsToday: 0,
  inFlight: 0,
  quotaLeft: undefined,
  ...facts,
});

describe('selection', () => {
  interface Case {
    readonly what: string;
    readonly strategy: AccountStrategy;
    readonly candidates: readonly Candidate[];
    readonly lastId?: string;
    readonly userOrder?: readonly string[];
    readonly expected: string;
  }
  const abc = [candidate('a'), candidate('b'), candidate('c')];
  const cases: readonly Case[] = [
    { what: 'keeps the user’s order', strategy: 'fallback', candidates: abc, lastId: 'c', expected: 'a b c' },
    {
      what: 'ignores use',
      strategy: 'fallback',
      candidates: [candidate('a', { requestsToday: 90, inFlight: 9 }), candidate('b')],
      expected: 'a b',
    },
    { what: 'starts with the first', strategy: 'round-robin', candidates: abc, expected: 'a b c' },
    { what: 'goes on after the last', strategy: 'round-robin', candidates: abc, lastId: 'a', expected: 'b c a' },
    { what: 'wraps around', strategy: 'round-robin', candidates: abc, lastId: 'c', expected: 'a b c' },
    {
      what: 'keeps its place when the last one cannot serve',
      strategy: 'round-robin',
      candidates: [candidate('a'), candidate('c')],
      lastId: 'b',
      userOrder: ['a', 'b', 'c'],
      expected: 'c a',
    },
    {
      what: 'starts anew when the last one was removed',
      strategy: 'round-robin',
      candidates: abc,
      lastId: 'gone',
      expected: 'a b c',
    },
    {
      what: 'prefers whoever serves fewer now',
      strategy: 'least-used',
      candidates: [
        candidate('a', { inFlight: 2 }),
        candidate('b', { inFlight: 1, requestsToday: 500 }),
        candidate('c'),
      ],
      expected: 'c b a',
    },
    {
      what: 'then whoever served fewer today',
      strategy: 'least-used',
      candidates: [candidate('a', { requestsToday: 3 }), candidate('b', { requestsToday: 1 })],
      expected: 'b a',
    },
    { what: 'then the user’s order', strategy: 'least-used', candidates: abc, lastId: 'a', expected: 'a b c' },
    {
      what: 'prefers the fuller quota',
      strategy: 'most-quota-left',
      candidates: [candidate('a', { quotaLeft: 0.2 }), candidate('b', { quotaLeft: 0.7 })],
      expected: 'b a',
    },
    {
      what: 'takes an unknown quota for a full one',
      strategy: 'most-quota-left',
      candidates: [candidate('a', { quotaLeft: 0.99 }), candidate('b'), candidate('c', { quotaLeft: 0 })],
      expected: 'b a c',
    },
    {
      what: 'spreads equals by use',
      strategy: 'most-quota-left',
      candidates: [candidate('a', { inFlight: 1 }), candidate('b')],
      expected: 'b a',
    },
  ];
  for (const { what, strategy, candidates, lastId, userOrder, expected } of cases) {
    it(`${strategy} ${what}`, () => {
      const order = userOrder ?? candidates.map(({ id }) => id);
      const ranked = rank(strategy, candidates, { lastId, userOrder: order });
      assert.equal(ranked.map(({ id }) => id).join(' '), expected);
    });
  }

  for (const strategy of accountStrategies) {
    it(`${strategy} invents and loses nobody, and leaves its input alone`, () => {
      const input = Object.freeze([...abc]);
      const ranked = rank(strategy, input, { lastId: 'b', userOrder: ['a', 'b', 'c'] });
      assert.deepEqual(ranked.map(({ id }) => id).toSorted(), ['a', 'b', 'c']);
      assert.deepEqual(rank(strategy, [], { lastId: undefined, userOrder: [] }), []);
    });
  }
});
