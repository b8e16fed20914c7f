import assert from 'node:assert/strict';
import { type ErrorCode, errorScopes, GatewayError } from '../../src/core/errors.ts';
import { openAiChat } from '../../src/dialects/openai-chat/index.ts';

const types: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'invalid_request_error',
  403: 'invalid_request_error',
  404: 'invalid_request_error',
  405: 'invalid_request_error',
  413: 'invalid_request_error',
  415: 'invalid_request_error',
  426: 'invalid_request_error',
  499: 'server_error',
  501: 'invalid_request_error',
  500: 'server_error',
  502: 'server_error',
  503: 'server_error',
  504: 'server_error',
};
const statuses: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  context_too_long: 400,
  content_filtered: 400,
  body_too_large: 413,
  unsupported_encoding: 415,
  not_implemented: 501,
  upgrade_required: 426,
  client_rejected: 403,
  unauthorized: 401,
  token_expired: 401,
  service_ended: 401,
  billing: 429,
  quota_exhausted: 429,
  quota_soft: 429,
  rate_limited: 429,
  token_rate_limited: 429,
  burst: 429,
  concurrency: 429,
  model_not_found: 404,
  model_not_allowed: 403,
  access_denied: 403,
  wrong_path: 502,
  upstream_error: 502,
  upstream_overloaded: 503,
  upstream_timeout: 504,
  upstream_unreachable: 502,
  upstream_protocol: 502,
  model_output: 502,
  client_unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  no_account: 503,
  accounts_cooling: 429,
  too_many_requests: 429,
  shutting_down: 503,
  client_gone: 499,
  internal: 500,
};

const context = { requestId: 'req_1', userAgent: undefined };

/** Coming back does not help: SDKs that read the header end at once. */
const finalCodes: ReadonlySet<ErrorCode> = new Set([
  'unauthorized',
  'token_expired',
  'service_ended',
  'billing',
  'access_denied',
  'client_unauthorized',
  'no_account',
]);

describe('OpenAI errors', () => {
  for (const code of Object.keys(errorScopes) as ErrorCode[])
    it(`${code}: ${statuses[code]}`, () => {
      const error = new GatewayError(code, 'What happened.', { fix: 'What to do.', param: 'p', retryAfterMs: 1_200 });
      const { status, headers, body } = openAiChat.encodeError(error, context);
      assert.equal(status, statuses[code]);
      const { error: object, ...rest } = body as { error: Record<string, unknown> };
      assert.deepEqual(rest, { request_id: 'req_1' });
      assert.deepEqual(Object.keys(object), ['message', 'type', 'param', 'code']);
      assert.deepEqual([object.message, object.param], ['What happened. What to do.', 'p']);
      assert.ok(object.code === null || /^[a-z_]+$/.test(String(object.code)));
      if (status === 429) assert.match(String(object.type), /^(rate_limit_error|insufficient_quota)$/);
      else assert.equal(object.type, types[status]);
      assert.deepEqual(headers, {
        ...((status === 429 || status === 503) && { 'retry-after': '2' }),
        ...(finalCodes.has(code) && { 'x-should-retry': 'false' }),
      });
    });
  it('without a wait there is no Retry-After, and a short one is a second', () => {
    const headers = (retryAfterMs?: number) =>
      openAiChat.encodeError(new GatewayError('rate_limited', 'x', { retryAfterMs }), context).headers;
    assert.deepEqual(
      [headers(), headers(0), headers(1), headers(61_000)],
      [{}, { 'retry-after': '1' }, { 'retry-after': '1' }, { 'retry-after': '61' }],
    );
  });
  it('in a stream it is one data event', () => {
    const text = openAiChat.encodeStreamError(new GatewayError('upstream_error', 'two\nlines'), 'req_1');
    assert.match(text, /^data: \{.*\}\n\n$/);
    assert.deepEqual(JSON.parse(text.slice(6)), {
      error: { message: 'two\nlines', type: 'server_error', param: null, code: null },
      request_id: 'req_1',
    });
  });
});

describe('errors per client', () => {
  const minute = 60_000;
  const quota = (retryAfterMs?: number) => new GatewayError('quota_exhausted', 'Used up.', { retryAfterMs });
  const agents = {
    any: 'OpenAI/JS 7.57.0',
    claude: 'claude-cli/2.1.330 (external, cli)',
    codex: 'codex_exec/0.169.0 (Debian; x86_64)',
    qwen: 'QwenCode/0.24.4 (linux; x64)',
    cline: 'ai-sdk/openai-compatible/3.0.37 ai-sdk/provider-utils/5.0.30 runtime/bun/1.3.13',
    continue: 'ls/JS 5.23.2',
    opencode: 'opencode/1.18.33 ai-sdk/provider-utils',
  } as const;
  type Agent = keyof typeof agents;
  const final = { 'x-should-retry': 'false' };
  const rows: readonly (readonly [string, GatewayError, readonly Agent[], number, string | null, object])[] = [
    [
      'a window shut for hours',
      quota(4 * 3_600_000),
      ['any', 'claude', 'codex'],
      429,
      'insufficient_quota',
      { 'retry-after': '14400', ...final },
    ],
    [
      'a window shut for hours',
      quota(4 * 3_600_000),
      ['qwen', 'cline', 'continue', 'opencode'],
      403,
      'insufficient_quota',
      { 'retry-after': '14400', ...final },
    ],
    ['a window shut for who knows how long', quota(), ['any', 'codex'], 429, 'insufficient_quota', final],
    ['a window shut for who knows how long', quota(), ['qwen'], 403, 'insufficient_quota', final],
    ['an unpaid plan', new GatewayError('billing', 'x'), ['any', 'codex'], 429, 'insufficient_quota', final],
    ['an unpaid plan', new GatewayError('billing', 'x'), ['opencode'], 403, 'insufficient_quota', final],
    [
      'exactly five minutes',
      quota(5 * minute),
      ['any', 'qwen', 'opencode'],
      429,
      'rate_limit_exceeded',
      { 'retry-after': '300' },
    ],
    ['a little more', quota(5 * minute + 1), ['any'], 429, 'insufficient_quota', { 'retry-after': '301', ...final }],
    [
      'a momentary shortage',
      new GatewayError('rate_limited', 'x', { retryAfterMs: 20_000 }),
      ['any', 'claude', 'qwen', 'cline'],
      429,
      'rate_limit_exceeded',
      { 'retry-after': '20' },
    ],
    [
      'a momentary shortage',
      new GatewayError('rate_limited', 'x', { retryAfterMs: 20_000 }),
      ['codex'],
      503,
      'rate_limit_exceeded',
      { 'retry-after': '20' },
    ],
    [
      'all accounts cooling',
      new GatewayError('accounts_cooling', 'x', { retryAfterMs: 9_000 }),
      ['codex'],
      503,
      'rate_limit_exceeded',
      { 'retry-after': '9' },
    ],
    [
      'all accounts cooling for an hour',
      new GatewayError('accounts_cooling', 'x', { retryAfterMs: 60 * minute }),
      ['qwen'],
      403,
      'insufficient_quota',
      { 'retry-after': '3600', ...final },
    ],
    [
      'a refused account',
      new GatewayError('unauthorized', 'x'),
      ['any', 'claude', 'qwen', 'codex'],
      401,
      'account_unauthorized',
      final,
    ],
    ['a server in trouble', new GatewayError('upstream_error', 'x'), ['any', 'codex', 'qwen'], 502, null, {}],
    [
      'a request too long',
      new GatewayError('context_too_long', 'x'),
      ['any', 'codex', 'qwen'],
      400,
      'context_length_exceeded',
      {},
    ],
  ];
  for (const [name, error, clients, status, code, headers] of rows)
    for (const client of clients)
      it(`${name}, ${client}: ${status}`, () => {
        const answer = openAiChat.encodeError(error, { requestId: 'r', userAgent: agents[client] });
        assert.equal(answer.status, status);
        assert.equal((answer.body as { error: { code: unknown } }).error.code, code);
        assert.deepEqual(answer.headers, headers);
      });
});
