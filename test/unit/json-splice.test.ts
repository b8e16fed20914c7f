import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { rememberSource } from '../../src/core/json-source.ts';
import { spliceJson } from '../../src/core/json-splice.ts';
import { bodyText } from '../../src/core/upstream.ts';

/** Large enough that its bytes are remembered. */
const filler = { filler: 'x'.repeat(20_000) };

function parsed(text: string): JsonObject {
  const bytes = Buffer.from(text);
  const value: unknown = JSON.parse(text);
  assert.ok(isJsonObject(value));
  rememberSource(value, bytes);
  return value;
}

const named = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ stringUnit: 'grapheme' }));

describe('a body with edits in the bytes it came in', () => {
  it('says what writing all of it anew says, whatever was edited', () => {
    fc.assert(
      fc.property(
        named,
        fc.array(fc.jsonValue({ stringUnit: 'grapheme' })),
        fc.constantFrom(undefined, 1, '\t', '\r\n '),
        fc.array(fc.boolean()),
        named,
        (fields, messages, indent, kept, added) => {
          const body = { ...fields, ...filler, messages };
          const original = parsed(JSON.stringify(body, null, indent));
          const items = original.messages;
          assert.ok(Array.isArray(items));
          const names = Object.keys(original).filter((name, index) => name === 'filler' || kept[index] !== false);
          const edited: JsonObject = {
            ...Object.fromEntries(names.map((name) => [name, original[name]])),
            ...added,
            messages: [{ role: 'system' }, ...items.filter((_, index) => kept[index] !== true), 'said', undefined],
            gone: undefined,
          };
          assert.equal(
            JSON.stringify(JSON.parse(bodyText(spliceJson(edited, original)))),
            JSON.stringify(JSON.parse(JSON.stringify(edited))),
          );
        },
      ),
      { examples: [] },
    );
  });
  it('keeps the bytes of what was not edited', () => {
    const text = `{ "a" : 1.0 , "messages":[ {"b": "\\u0041\\"]}"} ,{"c":[ ]}],"filler":"${filler.filler}"}`;
    const original = parsed(text);
    const [first] = Array.isArray(original.messages) ? original.messages : [];
    const edited = bodyText(spliceJson({ ...original, messages: [first, { d: 1 }], model: 'm' }, original));
    assert.ok(
      edited.startsWith('{"a":1.0,"messages":[{"b": "\\u0041\\"]}"},{"d":1}],"filler":"xxx'),
      edited.slice(0, 80),
    );
    assert.ok(edited.endsWith('x","model":"m"}'));
  });
  it('takes the last of two fields of one name', () => {
    const original = parsed(`{"a":[1],"a":{"b":"}"},"filler":"${filler.filler}"}`);
    assert.deepEqual(JSON.parse(bodyText(spliceJson({ a: original.a }, original))), { a: { b: '}' } });
  });
  it('writes a body anew whose bytes nobody remembered', () => {
    assert.equal(bodyText(spliceJson({ a: [1, { b: 'é' }] }, {})), '{"a":[1,{"b":"é"}]}');
  });
});
