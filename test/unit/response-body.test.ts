import assert from 'node:assert/strict';
import { ResponseBody } from '../../src/upstream/response-body.ts';
import { createDispatchController } from '../support/dispatch-controller.ts';

/** Notes what the body asks of its connection. */
function connection() {
  const asked: string[] = [];
  let refill: () => void = () => {};
  const body = new ResponseBody(createDispatchController(asked, () => refill()));
  return {
    body,
    asked,
    onResume: (push: () => void) => {
      refill = push;
    },
  };
}

const text = (part: string) => Buffer.from(part);
const read = async (body: ResponseBody) => {
  const parts: string[] = [];
  for await (const part of body) parts.push(part.toString());
  return parts;
};

describe('the body of an answer', () => {
  it('brings the pieces of one turn as one, and the next turn’s as another', async () => {
    const { body, asked } = connection();
    const reading = read(body);
    await Promise.resolve();
    body.push(text('a'));
    body.push(text('b'));
    await new Promise(setImmediate);
    body.push(text('c'));
    body.close();
    assert.deepEqual(await reading, ['ab', 'c']);
    assert.deepEqual(asked, []);
  });

  it('brings what came before an error, and then the error', async () => {
    const { body } = connection();
    body.push(text('a'));
    body.close(new Error('cut'));
    const iterator = body[Symbol.asyncIterator]();
    assert.deepEqual(await iterator.next(), { value: text('a'), done: false });
    await assert.rejects(iterator.next(), /cut/);
  });

  it('stops the connection while 64 KiB wait, and lets it go on when they are taken', async () => {
    const { body, asked, onResume } = connection();
    const iterator = body[Symbol.asyncIterator]();
    body.push(Buffer.alloc(65_535));
    assert.deepEqual(asked, []);
    body.push(text('x'));
    assert.deepEqual(asked, ['pause']);
    // What waited in the socket comes at once, before the reader has what it asked for.
    onResume(() => body.push(text('next')));
    const first = await iterator.next();
    assert.equal(first.value?.length, 65_536);
    assert.deepEqual(asked, ['pause', 'resume']);
    assert.deepEqual((await iterator.next()).value, text('next'));
  });

  it('takes an empty piece for nothing', async () => {
    const { body } = connection();
    body.push(Buffer.alloc(0));
    body.push(text('a'));
    body.close();
    assert.deepEqual(await read(body), ['a']);
  });

  it('gives the connection up when it is destroyed, once, and tells who waits', async () => {
    const { body, asked } = connection();
    const waiting = body[Symbol.asyncIterator]().next();
    body.destroy();
    body.destroy();
    await assert.rejects(waiting, /given up/);
    // What undici says of the abort, and what was on its way, comes too late.
    body.push(text('late'));
    body.close(new Error('aborted'));
    await assert.rejects(read(body), /given up/);
    assert.deepEqual(asked, ['abort']);
  });

  it('leaves a connection alone whose answer is whole', () => {
    const { body, asked } = connection();
    body.push(text('unread'));
    body.close();
    body.destroy();
    assert.deepEqual(asked, []);
  });

  it('gives the connection up where a loop over it ends early', async () => {
    const { body, asked } = connection();
    body.push(text('a'));
    for await (const part of body) {
      assert.equal(part.toString(), 'a');
      break;
    }
    assert.deepEqual(asked, ['abort']);
  });
});
