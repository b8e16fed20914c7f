import assert from 'node:assert/strict';
import { type ErrorCode, errorScopes, GatewayError } from '../../src/core/errors.ts';
import { encodeError } from '../../src/dialects/anthropic-messages/errors.ts';
import { anthropicMessages } from '../../src/dialects/anthropic-messages/index.ts';
import { encodeModelOf, encodeModelPage } from '../../src/dialects/anthropic-messages/models.ts';
import { isObject } from '../simulator/json.ts';
import { checkMessageStream } from '../support/anthropic-grammar.ts';

const context = { requestId: 'req_1', userAgent: 'claude-cli/2.1.330 (external, cli)' };
const encode = (code: ErrorCode, message = 'why', options = {}) => {
  const { status, headers, body } = encodeError(new GatewayError(code, message, options), context);
  assert.ok(isObject(body.error));
  return { status, headers, error: body.error, body };
};

describe('anthropic errors', () => {
  it('every code has the type that goes with its status', () => {
    const typeOf: Readonly<Record<number, readonly string[]>> = {
      400: ['invalid_request_error'],
      401: ['authentication_error'],
      403: ['permission_error'],
      404: ['not_found_error'],
      405: ['invalid_request_error'],
      413: ['request_too_large'],
      415: ['invalid_request_error'],
      426: ['invalid_request_error'],
      429: ['rate_limit_error', 'billing_error'],
      499: ['api_error'],
      500: ['api_error'],
      501: ['invalid_request_error'],
      502: ['api_error'],
      503: ['overloaded_error', 'api_error'],
      504: ['timeout_error'],
    };
    for (const code of Object.keys(errorScopes) as ErrorCode[]) {
      const { status, error, body } = encode(code);
      assert.deepEqual([body.type, body.request_id], ['error', 'req_1']);
      assert.ok(typeOf[status]?.includes(String(error.type)), `${code}: ${status} ${error.type}`);
    }
  });

  it('Claude Code ends at once on what is final, and comes back for the rest', () => {
    const retries = (code: ErrorCode, options = {}) =>
      encode(code, 'why', options).headers['x-should-retry'] !== 'false';
    for (const code of [
      'unauthorized',
      'token_expired',
      'service_ended',
      'billing',
      'quota_exhausted',
      'no_account',
      'client_unauthorized',
      'invalid_request',
      'context_too_long',
      'model_not_found',
    ] as const)
      assert.equal(retries(code), false, code);
    for (const code of [
      'rate_limited',
      'burst',
      'concurrency',
      'upstream_overloaded',
      'upstream_error',
      'upstream_timeout',
      'shutting_down',
    ] as const)
      assert.equal(retries(code), true, code);
    assert.equal(retries('accounts_cooling', { retryAfterMs: 5_000 }), true);
    assert.equal(retries('accounts_cooling', { retryAfterMs: 3_600_000 }), false);
    assert.equal(encode('rate_limited', 'why', { retryAfterMs: 6_100 }).headers['retry-after'], '7');
  });

  it('says what Claude Code reads', () => {
    const tooLong: readonly (readonly [string, number | undefined, RegExp])[] = [
      [
        'Range of input length should be [1, 983616]',
        undefined,
        /^prompt is too long: 983617 tokens > 983616 maximum$/,
      ],
      ['<400> Range of input length should be [1, 100]', 250, /^prompt is too long: 250 tokens > 100 maximum$/],
      ["This model's maximum context length is 4096 tokens.", 10, /^prompt is too long: 4097 tokens > 4096 maximum$/],
      ['prompt is too long: 5 tokens > 4 maximum', undefined, /^prompt is too long: 5 tokens > 4 maximum$/],
      ['input is too long', undefined, /^prompt is too long: input is too long$/],
    ];
    for (const [message, inputTokens, expected] of tooLong) {
      const { body } = encodeError(new GatewayError('context_too_long', message), {
        ...context,
        ...(inputTokens !== undefined && { inputTokens }),
      });
      assert.match(String(isObject(body.error) && body.error.message), expected);
    }
    assert.match(
      String(encode('invalid_request', 'Role must be user or assistant').error.message),
      /role 'system' is not supported/,
    );
    assert.equal(
      encode('invalid_request', 'no', { param: 'tools.1', fix: 'Leave it out.' }).error.message,
      'tools.1: no Leave it out.',
    );
  });

  it('in a stream is an event of its own', () => {
    const { error } = checkMessageStream(
      anthropicMessages.encodeStreamError(new GatewayError('upstream_overloaded', 'busy'), 'req_1'),
    );
    assert.deepEqual(error, {
      type: 'error',
      error: { type: 'overloaded_error', message: 'busy' },
      request_id: 'req_1',
    });
  });
});

describe('anthropic models', () => {
  const models = ['a', 'b', 'c'].map((id) => ({
    id,
    name: id.toUpperCase(),
    context_window: 10,
    max_output_tokens: 5,
  }));
  const page = (query: string) => encodeModelPage(models, new URLSearchParams(query));
  const idsOf = (answer: ReturnType<typeof page>) => (answer.data as { id: string }[]).map(({ id }) => id);

  it('stand under their id and under one that Claude Code lists', () => {
    const all = page('limit=1000');
    assert.deepEqual(idsOf(all), ['a', 'b', 'c', 'anthropic/a', 'anthropic/b', 'anthropic/c']);
    assert.deepEqual([all.has_more, all.first_id, all.last_id], [false, 'a', 'anthropic/c']);
    assert.deepEqual((all.data as unknown[])[0], {
      type: 'model',
      id: 'a',
      display_name: 'A',
      created_at: '1970-01-01T00:00:00Z',
      max_input_tokens: 10,
      max_tokens: 5,
    });
  });
  it('come in pages, forwards and backwards', () => {
    const table: readonly (readonly [string, readonly string[], boolean])[] = [
      ['limit=2', ['a', 'b'], true],
      ['limit=2&after_id=b', ['c', 'anthropic/a'], true],
      ['limit=4&after_id=b', ['c', 'anthropic/a', 'anthropic/b', 'anthropic/c'], false],
      ['after_id=anthropic/c', [], false],
      ['limit=2&before_id=anthropic/a', ['b', 'c'], true],
      ['limit=9&before_id=b', ['a'], false],
    ];
    for (const [query, ids, hasMore] of table) {
      const answer = page(query);
      assert.deepEqual([idsOf(answer), answer.has_more], [ids, hasMore], query);
    }
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'after_id=nobody', 'before_id=nobody'])
      assert.throws(() => page(query), { code: 'invalid_request' }, query);
  });
  it('are told under the id that was asked for', () => {
    for (const id of ['a', 'anthropic/a', 'a[1m]']) {
      const model = encodeModelOf(models, id);
      assert.deepEqual([model.id, model.max_tokens], [id, 5]);
    }
    assert.equal(encodeModelOf(models, 'claude-opus-4-5').id, 'claude-opus-4-5');
    assert.throws(() => encodeModelOf(models, 'nobody'), { code: 'model_not_found' });
  });
});
