import assert from 'node:assert/strict';
import type { JsonObject } from '../../src/core/json.ts';
import { keepSource, releaseSource, rememberSource, sourceOf } from '../../src/core/json-source.ts';
import { spliceJson } from '../../src/core/json-splice.ts';
import { restore, skeletonOf } from '../../src/core/lazy-json.ts';
import type { BodyInPieces } from '../../src/core/upstream.ts';

function received(): { readonly body: JsonObject; readonly bytes: Buffer } {
  const bytes = Buffer.from(JSON.stringify({ model: 'm', prompt: 'x'.repeat(200_000) }));
  const skeleton = skeletonOf(bytes);
  assert.ok(skeleton);
  const body = restore(JSON.parse(skeleton.text), skeleton) as JsonObject;
  rememberSource(body, bytes);
  return { body, bytes };
}

function inPieces(body: JsonObject): BodyInPieces {
  const spliced = spliceJson({ ...body, prompt: undefined, model: 'other' }, body);
  assert.ok(Buffer.isBuffer(spliced));
  const descriptors = Object.getOwnPropertyDescriptors(body);
  const lazily: JsonObject = Object.defineProperties(
    {},
    { ...descriptors, model: { value: 'other', enumerable: true } },
  );
  const lent = spliceJson(lazily, body);
  assert.ok(!Buffer.isBuffer(lent));
  return lent;
}

describe('the bytes of a body', () => {
  it('are given back at the end of its request, and said to be gone', () => {
    const { body, bytes } = received();
    releaseSource(body);
    assert.equal(bytes.length, 0);
    assert.equal(sourceOf(body), undefined);
    assert.throws(() => body.prompt, /after its end/);
  });
  it('stay where a text has been read', () => {
    const { body } = received();
    const { prompt } = body;
    releaseSource(body);
    assert.equal(body.prompt, prompt);
    assert.equal(String(prompt).length, 200_000);
  });
  it('stay while a body made of them may be on its way, and go when all have been sent', () => {
    const { body, bytes } = received();
    const pieced = inPieces(body);
    const [first, second] = [pieced.lend(), pieced.lend()];
    first();
    releaseSource(body);
    assert.ok(bytes.length > 200_000);
    assert.ok(Buffer.concat(pieced.pieces).toString().endsWith('x"}'));
    second();
    releaseSource(body);
    assert.equal(bytes.length, 0);
  });
  it('stay where somebody reads on', () => {
    const { body, bytes } = received();
    keepSource(body);
    releaseSource(body);
    assert.ok(bytes.length > 200_000);
  });
});
