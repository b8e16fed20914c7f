import assert from 'node:assert/strict';
import { imageTokens, sizeOfDataUrl } from '../../src/tokens/image-tokens.ts';
import { hasCountedVocabulary } from '../../src/tokens/model-family.ts';

const url = (type: string, bytes: Uint8Array) => `data:image/${type};base64,${Buffer.from(bytes).toString('base64')}`;

function png(width: number, height: number): string {
  const header = Buffer.from(`89504e470d0a1a0a0000000d49484452${'0'.repeat(16)}`, 'hex');
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  return url('png', header);
}
function gif(width: number, height: number): string {
  const header = Buffer.from('GIF89a\0\0\0\0', 'latin1');
  header.writeUInt16LE(width, 6);
  header.writeUInt16LE(height, 8);
  return url('gif', header);
}
/** With an EXIF block of `before` bytes in front of the frame. */
function jpeg(width: number, height: number, before: number): string {
  const block = Buffer.alloc(before + 4);
  block.writeUInt16BE(0xffe1, 0);
  block.writeUInt16BE(before + 2, 2);
  const frame = Buffer.from('ffc0001108000000000301', 'hex');
  frame.writeUInt16BE(height, 5);
  frame.writeUInt16BE(width, 7);
  return url('jpeg', Buffer.concat([Buffer.from('ffd8', 'hex'), block, frame]));
}
function webp(width: number, height: number): string {
  const header = Buffer.alloc(30);
  header.write('RIFF\0\0\0\0WEBPVP8X', 'latin1');
  header.writeUIntLE(width - 1, 24, 3);
  header.writeUIntLE(height - 1, 27, 3);
  return url('webp', header);
}

describe('image size', () => {
  const cases: readonly (readonly [string, string, readonly [number, number] | undefined])[] = [
    ['PNG', png(800, 600), [800, 600]],
    ['GIF', gif(320, 200), [320, 200]],
    ['JPEG', jpeg(4_000, 3_000, 100), [4_000, 3_000]],
    ['JPEG with a large thumbnail in front', jpeg(4_000, 3_000, 40_000), [4_000, 3_000]],
    ['WebP', webp(1_920, 1_080), [1_920, 1_080]],
    ['upper case', png(8, 9).replace('data:image/png', 'DATA:IMAGE/PNG'), [8, 9]],
    ['a broken PNG', url('png', Buffer.from('89504e470d0a1a0a', 'hex')), undefined],
    ['a JPEG without a frame', url('jpeg', Buffer.from('ffd8ffe0', 'hex')), undefined],
    ['a size of nothing', png(0, 600), undefined],
    ['a format of its own', url('x-own', Buffer.from('own')), undefined],
    ['no data URL', 'https://example.test/a.png', undefined],
    ['an empty one', 'data:image/png;base64,', undefined],
  ];
  for (const [name, from, expected] of cases)
    it(name, () => {
      const size = sizeOfDataUrl(from);
      assert.deepEqual(size && [size.width, size.height], expected);
    });
});

describe('image tokens', () => {
  const cases: readonly (readonly [string, string, object, object, number])[] = [
    // 1024 / 32 squared; 1024 / 28 rounded, squared.
    ['qwen3-vl-plus', png(1_024, 1_024), {}, {}, 1_024],
    ['qwen3.7-plus', png(1_024, 1_024), {}, {}, 1_024],
    ['qwen2.5-vl-72b-instruct', png(1_000, 900), {}, {}, 36 * 32],
    // Scaled to 2,560 tokens of 32 × 32, and to 1,280 of 28 × 28, the shape kept.
    ['qwen3-vl-plus', png(4_000, 3_000), {}, {}, 58 * 43],
    ['qvq-max', png(4_000, 3_000), {}, {}, 41 * 30],
    ['qwen3-vl-plus', png(4_000, 3_000), {}, { vl_high_resolution_images: true }, 125 * 94],
    ['qwen3-vl-plus', png(40_000, 30_000), {}, { vl_high_resolution_images: true }, 147 * 110],
    ['qwen3-vl-plus', png(4_000, 3_000), { max_pixels: 256 * 32 * 32 }, {}, 18 * 13],
    // At least four tokens, or what the part asks for.
    ['qwen3-vl-plus', png(10, 10), {}, {}, 4],
    ['qwen3-vl-plus', png(64, 64), { min_pixels: 65_536 }, {}, 64],
    ['qwen3-vl-plus', png(60_000, 1), {}, {}, 1_875],
  ];
  for (const [model, from, part, body, tokens] of cases)
    it(`${model} ${JSON.stringify({ ...part, ...body })}: ${tokens}`, () =>
      assert.deepEqual(imageTokens(from, { ...part }, model, { ...body }), { tokens, isGuess: false }));
  it('guesses where there is no size', () => {
    assert.deepEqual(imageTokens('https://example.test/a.png', {}, 'qwen3-vl-plus', {}), {
      tokens: 1_024,
      isGuess: true,
    });
  });
});

describe('models of the counted vocabulary', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['qwen3-max-2026-01-23', true],
    ['qwen3-coder-plus', true],
    ['Qwen2.5-72B-Instruct', true],
    ['qwq-plus', true],
    ['qwen3.5-plus', false],
    ['qwen3.8-max', false],
    ['qwen-plus', false],
    ['coder-model', false],
    ['glm-5', false],
    ['deepseek-v3.2', false],
  ];
  for (const [model, expected] of cases)
    it(`${model}: ${expected ? 'yes' : 'no'}`, () => assert.equal(hasCountedVocabulary(model), expected));
});
