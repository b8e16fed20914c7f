/** Pseudo-random numbers from a seed, so that a finding can be had again: https://en.wikipedia.org/wiki/Xorshift */
export function createRandom(seed: number): () => number {
  let state = seed === 0 ? 1 : seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

const pieces = [
  '\r\n',
  '\n',
  '\0',
  ':',
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  ',',
  'null',
  'true',
  '-1',
  '1e999',
  '9'.repeat(30),
  '"__proto__":{"x":1},',
  '"constructor":1,',
  '\\ud800',
  '\u00ff',
  '\ufeff',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Expect: 100-continue\r\n',
  'Content-Encoding: gzip\r\n',
  'data:image/png;base64,',
  'http://127.0.0.1:1/',
  'file:///etc/passwd',
].map((text) => Buffer.from(text, 'latin1'));

/** Bytes with a few of them flipped, dropped, doubled, moved or replaced by what parsers trip over. */
export function mutate(bytes: Buffer, random: () => number): Buffer {
  const at = (length: number) => Math.floor(random() * length);
  let result = bytes;
  for (let rounds = 1 + at(4); rounds > 0; rounds--) {
    const from = at(result.length + 1);
    const to = Math.min(result.length, from + 1 + at(random() < 0.8 ? 8 : 400));
    const before = result.subarray(0, from);
    const after = result.subarray(to);
    switch (at(6)) {
      case 0: {
        const flipped = Buffer.from(result);
        if (from < flipped.length) flipped[from] = (flipped[from] ?? 0) ^ (1 << at(8));
        result = flipped;
        break;
      }
      case 1:
        result = Buffer.concat([before, after]);
        break;
      case 2:
        result = Buffer.concat([before, result.subarray(from, to), result.subarray(from, to), after]);
        break;
      case 3:
        result = Buffer.concat([before, pieces[at(pieces.length)] ?? before, result.subarray(from)]);
        break;
      case 4:
        result = Buffer.concat([before, pieces[at(pieces.length)] ?? before, after]);
        break;
      default: {
        const other = at(result.length + 1);
        result = Buffer.concat([result.subarray(0, other), result.subarray(from, to), result.subarray(other)]);
      }
    }
  }
  return result;
}

const oddValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  '\0',
  '\ud800',
  '\u202e',
  'x'.repeat(5_000),
  '__proto__',
  'constructor',
  'toString',
  'http://127.0.0.1:1/',
  'data:image/png;base64,AAAA',
  'data:,',
  [],
  {},
  [[]],
  [null],
  [{}],
  { type: 'text' },
  { type: 'text', text: 7 },
  { type: 'image' },
  { type: 'tool_use' },
  { type: 'tool_result' },
  { type: 'function' },
  { type: 'toString' },
  { role: 'tool' },
  { length: 3 },
  JSON.parse('{"__proto__":{"type":"text","role":"user"}}'),
];

/** A copy of a JSON value in which one place, sometimes two, holds, lacks or repeats something it should not. */
export function mutateJson(value: unknown, random: () => number): unknown {
  const at = (length: number) => Math.floor(random() * length);
  const odd = () => structuredClone(oddValues[at(oddValues.length)]);
  const mutateAt = (node: unknown): unknown => {
    if (typeof node !== 'object' || node === null || random() < 0.15) return odd();
    if (Array.isArray(node)) {
      const copy: unknown[] = [...node];
      const index = at(copy.length + 1);
      const action = random();
      if (copy.length === 0 || index === copy.length || action < 0.15) copy.splice(index, 0, odd());
      else if (action < 0.3) copy.splice(index, 1);
      else if (action < 0.4) copy.splice(index, 0, copy[index]);
      else copy[index] = mutateAt(copy[index]);
      return copy;
    }
    const fields = Object.entries(node);
    const index = at(fields.length);
    const [name, child] = fields[index] ?? ['x', undefined];
    const action = random();
    if (fields.length === 0 || action < 0.08) return { ...node, [oddNames[at(oddNames.length)] ?? 'x']: odd() };
    if (action < 0.18) return Object.fromEntries(fields.filter((_, each) => each !== index));
    return { ...node, [name]: mutateAt(child) };
  };
  const once = mutateAt(value);
  return random() < 0.3 ? mutateAt(once) : once;
}

const oddNames =
  'type role content text stop n tools tool_choice input system thinking functions function_call stream_options response_format metadata constructor hasOwnProperty length'.split(
    ' ',
  );
