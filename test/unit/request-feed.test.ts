import assert from 'node:assert/strict';
import type { RequestRecord } from '../../src/core/activity.ts';
import { createRequestFeed } from '../../src/gateway/request-feed.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function record(id: string, over: Partial<RequestRecord> = {}): RequestRecord {
  return { id, startedMs: 0, state: 'open', dialect: 'openai-chat', stream: true, attempts: [], ...over };
}

function setUp() {
  const clock = createFakeClock();
  const told: (readonly RequestRecord[])[] = [];
  const feed = createRequestFeed({ clock, onChange: (records) => void told.push(records) });
  return { clock, feed, told };
}

describe('the live list of requests', () => {
  it('tells many changes of one moment at once, each request as it is then', async () => {
    const { clock, feed, told } = setUp();
    feed.adopt([record('a'), record('b'), record('a', { lane: 'native' })]);
    assert.deepEqual(told, []);
    await clock.advance(100);
    assert.deepEqual(told, [[record('a', { lane: 'native' }), record('b')]]);
    feed.adopt([record('b', { state: 'answered' })]);
    await clock.advance(100);
    assert.deepEqual(told[1], [record('b', { state: 'answered' })]);
    await clock.advance(1_000);
    assert.equal(told.length, 2);
  });

  it('keeps the last 200, and every one that is open', () => {
    const { feed } = setUp();
    feed.adopt([record('open')]);
    for (let index = 0; index < 300; index++) feed.adopt([record(`r${index}`, { state: 'answered' })]);
    const ids = feed.list().map(({ id }) => id);
    assert.equal(ids.length, 200);
    assert.deepEqual([ids[0], ids[1], ids.at(-1)], ['open', 'r101', 'r299']);
  });

  it('does not wait for the end of requests whose window is gone', () => {
    const { feed } = setUp();
    feed.adopt([record('a'), record('b', { state: 'answered' })]);
    feed.abandonOpen();
    assert.deepEqual(
      feed.list().map(({ state }) => state),
      ['cut', 'answered'],
    );
  });
});
