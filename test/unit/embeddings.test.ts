import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GatewayError } from '../../src/core/errors.ts';
import { openAiEmbeddings } from '../../src/dialects/openai-embeddings/index.ts';
import { decodeInputs, maximumInputs } from '../../src/dialects/openai-embeddings/request.ts';
import { isEmbeddingModelId, isTextEmbeddingModelId } from '../../src/upstream/embedding-models.ts';
import { encodeVector } from '../../src/upstream/embedding-vectors.ts';
import { editEmbeddingsRequest, readEmbeddings } from '../../src/upstream/embeddings.ts';

const thrownBy = (run: () => unknown): GatewayError => {
  try {
    run();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  return assert.fail('nothing was thrown');
};

describe('embeddings', () => {
  describe('what a client asks', () => {
    const decode = (body: unknown) => openAiEmbeddings.decodeRequest(body, { stream: true });

    it('is one text or several, never a stream', () => {
      assert.deepEqual(decodeInputs('a'), ['a']);
      assert.deepEqual(decodeInputs(['a', 'b']), ['a', 'b']);
      const { model, stream } = decode({ input: 'a', model: 'm', stream: true });
      assert.deepEqual([model, stream], ['m', false]);
      assert.equal(decode({ input: 'a' }).model, undefined);
      assert.equal(decodeInputs(Array(maximumInputs).fill('a')).length, maximumInputs);
    });

    const refused: readonly (readonly [string, unknown, string | undefined, RegExp])[] = [
      ['no object', [], undefined, /JSON object/],
      ['no input', {}, 'input', /Missing required parameter: 'input'/],
      ['an empty text', { input: '' }, 'input', /not be empty/],
      ['no texts', { input: [] }, 'input', /at least one/],
      ['an empty text among others', { input: ['a', ''] }, 'input[1]', /not be empty/],
      ['an object', { input: { text: 'a' } }, 'input', /a string/],
      ['something else among texts', { input: ['a', null] }, 'input[1]', /a string/],
      ['token ids', { input: [1, 2] }, 'input[0]', /send text/],
      ['lists of token ids', { input: [[1, 2]] }, 'input[0]', /check_embedding_ctx_length/],
      ['too many', { input: Array(maximumInputs + 1).fill('a') }, 'input', /2048 texts at most, and holds 2049/],
      ['another encoding', { input: 'a', encoding_format: 'int8' }, 'encoding_format', /float or base64/],
      ['half a dimension', { input: 'a', dimensions: 1.5 }, 'dimensions', /whole number/],
      ['no dimension', { input: 'a', dimensions: 0 }, 'dimensions', /1 or more/],
      ['a model that is no text', { input: 'a', model: 4 }, 'model', /a string/],
    ];
    for (const [name, body, param, message] of refused)
      it(`${name}: 400 naming ${param}`, () => {
        const error = thrownBy(() => decode(body));
        assert.deepEqual([error.code, error.param], ['invalid_request', param]);
        assert.match(error.message, message);
      });
  });

  describe('what Qwen is asked', () => {
    const cases: readonly (readonly [string, Record<string, unknown>, string, Record<string, unknown>])[] = [
      ['nothing said', {}, 'text-embedding-v4', {}],
      ['OpenAI’s small model', { model: 'text-embedding-3-small' }, 'text-embedding-v4', { dimensions: 1536 }],
      ['OpenAI’s old model', { model: 'text-embedding-ada-002' }, 'text-embedding-v4', { dimensions: 1536 }],
      ['OpenAI’s large model', { model: 'text-embedding-3-large' }, 'text-embedding-v4', { dimensions: 2048 }],
      [
        'the client’s own length',
        { model: 'text-embedding-3-small', dimensions: 512 },
        'text-embedding-v4',
        { dimensions: 512 },
      ],
      ['an alias to a model without that length', { model: 'text-embedding-3-small' }, 'text-embedding-v3', {}],
      ['a length nobody knows about', { dimensions: 77 }, 'bge-m3', { dimensions: 77 }],
      [
        'fields nobody knows',
        { user: 'u', encoding_format: 'base64', text_type: 'query', x: null },
        'text-embedding-v4',
        { text_type: 'query' },
      ],
    ];
    for (const [name, body, model, expected] of cases)
      it(name, () =>
        assert.deepEqual(editEmbeddingsRequest({ input: 'a', ...body }, model), {
          model,
          encoding_format: 'float',
          ...expected,
        }),
      );
    for (const [model, dimensions, lengths] of [
      ['text-embedding-v4', 3072, '2048, 1536, 1024, 768, 512, 256, 128, 64'],
      ['text-embedding-v3', 2048, '1024, 768, 512'],
    ] as const)
      it(`${model} has no vectors of ${dimensions}`, () => {
        const error = thrownBy(() => editEmbeddingsRequest({ input: 'a', dimensions }, model));
        assert.deepEqual([error.code, error.param], ['invalid_request', 'dimensions']);
        assert.ok(error.message.includes(lengths), error.message);
      });
  });

  describe('what Qwen answers', () => {
    const entry = (index: number, embedding: unknown = [index]) => ({ object: 'embedding', index, embedding });
    const answer = (data: unknown, usage: unknown = { prompt_tokens: 7, total_tokens: 7 }) =>
      JSON.stringify({ data, usage });

    it('is put in the order of the indexes', () =>
      assert.deepEqual(readEmbeddings(answer([entry(2), entry(0), entry(1)]), 3), {
        vectors: [[0], [1], [2]],
        inputTokens: 7,
      }));
    it('stays in its own order without indexes, and counts nothing that is not told', () =>
      assert.deepEqual(readEmbeddings(answer([{ embedding: [5] }, { embedding: 'AAAA' }], null), 2), {
        vectors: [[5], 'AAAA'],
        inputTokens: 0,
      }));
    const broken: readonly (readonly [string, string, string])[] = [
      ['one too few', answer([entry(0)]), 'upstream_protocol'],
      ['one too many', answer([entry(0), entry(1), entry(2)]), 'upstream_protocol'],
      ['one twice', answer([entry(0), entry(0)]), 'upstream_protocol'],
      ['an index out of range', answer([entry(0), entry(7)]), 'upstream_protocol'],
      ['an empty vector', answer([entry(0), entry(1, [])]), 'upstream_protocol'],
      ['a vector of something else', answer([entry(0), entry(1, ['x'])]), 'upstream_protocol'],
      ['no JSON', '<html>', 'upstream_protocol'],
      ['an error in a 200', '{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded"}', 'rate_limited'],
    ];
    for (const [name, text, code] of broken)
      it(`${name}: ${code}`, () => assert.equal(thrownBy(() => readEmbeddings(text, 2)).code, code));
  });

  describe('encodings', () => {
    it('base64 is that of little-endian 32-bit floats', () => {
      assert.equal(encodeVector([1, -2, 0.5], 'base64'), 'AACAPwAAAMAAAAA/');
      assert.deepEqual(encodeVector('AACAPwAAAMAAAAA/', 'float'), [1, -2, 0.5]);
    });
    it('what is right already stays as it is', () => {
      assert.deepEqual(encodeVector([0.1], 'float'), [0.1]);
      assert.equal(encodeVector('AACAPw==', 'base64'), 'AACAPw==');
    });
    it('there and back, every 32-bit float is the same', () =>
      fc.assert(
        fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 1 }), (numbers) =>
          assert.deepEqual(encodeVector(encodeVector(numbers, 'base64'), 'float'), numbers),
        ),
      ));
  });

  it('models of vectors are told from others by their names', () => {
    for (const id of ['text-embedding-v4', 'bge-m3', 'nomic-embed-text', 'qwen3-embedding-8b', 'e5-large'])
      assert.ok(isTextEmbeddingModelId(id), id);
    for (const id of ['multimodal-embedding-v1', 'qwen3-vl-embedding', 'text-embedding-async-v2'])
      assert.deepEqual([isEmbeddingModelId(id), isTextEmbeddingModelId(id)], [true, false], id);
    for (const id of ['qwen3-coder-plus', 'gte-rerank-v2', 'glm-5']) assert.equal(isEmbeddingModelId(id), false, id);
  });
});
