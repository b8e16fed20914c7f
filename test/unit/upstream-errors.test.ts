import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import type { ErrorCode, GatewayError } from '../../src/core/errors.ts';
import { parseErrorEnvelope } from '../../src/upstream/error-envelope.ts';
import { classifyHttpError, classifyStreamError } from '../../src/upstream/errors.ts';

interface CatalogueEntry {
  readonly id: number;
  readonly status: number;
  readonly body: unknown;
  readonly class: string;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly window?: string;
}

const now = Date.UTC(2026, 10, 22, 12);
const fixtures = new URL('../fixtures/', import.meta.url);
const catalogue: readonly CatalogueEntry[] = JSON.parse(readFileSync(new URL('qwen-errors.json', fixtures), 'utf8'));

const meanings: Readonly<Record<string, Meaning>> = {
  auth_invalid: { code: 'unauthorized' },
  auth_expired: { code: 'token_expired' },
  plan_client_rejected: { code: 'client_rejected' },
  access_denied: { code: 'access_denied' },
  billing: { code: 'billing' },
  model_not_allowed: { code: 'model_not_allowed' },
  hard_quota_model: { code: 'quota_exhausted', window: 'model' },
  model_not_found: { code: 'model_not_found' },
  wrong_path: { code: 'wrong_path' },
  hard_quota: { code: 'quota_exhausted', window: 'day' },
  hard_quota_5h: { code: 'quota_exhausted', window: 'hour' },
  hard_quota_week: { code: 'quota_exhausted', window: 'week' },
  hard_quota_month: { code: 'quota_exhausted', window: 'month' },
  soft_quota: { code: 'quota_soft' },
  concurrency: { code: 'concurrency' },
  rate_limit: { code: 'rate_limited' },
  rate_limit_rpm: { code: 'rate_limited' },
  rate_limit_burst: { code: 'burst' },
  rate_limit_tpm: { code: 'token_rate_limited' },
  context_too_long: { code: 'context_too_long' },
  client_error: { code: 'invalid_request' },
  content_filter: { code: 'content_filtered' },
  server_error: { code: 'upstream_error' },
  capacity: { code: 'upstream_overloaded' },
  upstream_timeout: { code: 'upstream_timeout' },
  model_output_error: { code: 'model_output' },
};

/** Entries whose class says less than their status or their channel. */
const exceptions: Readonly<Record<number, Meaning>> = {
  62: { code: 'body_too_large' },
  8: { code: 'upstream_protocol' },
};

/** The answers of the device poll (9 … 13) and of the refresh (7) are read by the OAuth account kind; 75 is a socket error. */
const elsewhere = [7, 9, 10, 12, 13, 75];

function http(status: number, body: unknown, headers: Record<string, string> = {}): GatewayError {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return classifyHttpError({ status, headers, body: text, now });
}

function meaningOf({ code, window }: GatewayError): Meaning {
  return { code, ...(window === undefined ? {} : { window }) };
}

function nested(message: string, code = 'invalid_parameter_error', type = 'invalid_request_error'): unknown {
  return { error: { message, type, param: null, code } };
}

describe('errors of the upstream', () => {
  describe('the catalogue', () => {
    for (const entry of catalogue.filter(({ id }) => !elsewhere.includes(id))) {
      const body = entry.body === '(no body)' ? '' : entry.body;
      const expected = exceptions[entry.id] ?? meanings[entry.class];
      it(`reads entry ${entry.id}: ${entry.status} ${JSON.stringify(body).slice(0, 70)}`, () => {
        const error = http(entry.status, body);
        assert.deepEqual(meaningOf(error), expected);
        assert.equal(error.upstreamStatus, entry.status);
      });
      if (typeof body === 'object' && entry.status !== 0) {
        it(`reads entry ${entry.id} inside a stream`, () => {
          assert.deepEqual(meaningOf(classifyStreamError({ message: JSON.stringify(body) })), expected);
        });
        it(`reads entry ${entry.id} as an event stream answered with ${entry.status}`, () => {
          const framed = `id:1\nevent:error\n:HTTP_STATUS/${entry.status}\ndata:${JSON.stringify(body)}\n\n`;
          assert.deepEqual(meaningOf(http(entry.status, framed, { contentType: 'text/event-stream' })), expected);
        });
      }
    }

    it('covers every entry that is not read elsewhere', () => {
      assert.equal(catalogue.length, 63);
      const unknown = catalogue.filter(
        ({ id, class: name }) => !elsewhere.includes(id) && !exceptions[id] && !meanings[name],
      );
      assert.deepEqual(unknown, []);
    });
  });

  describe('the envelopes', () => {
    const expected: readonly (readonly [ErrorCode, string | undefined])[] = [
      ['token_expired', 'invalid_api_key'],
      ['unauthorized', 'invalid_api_key'],
      ['context_too_long', 'invalid_parameter_error'],
      ['burst', 'limit_burst_rate'],
      ['token_rate_limited', 'insufficient_quota'],
      ['client_rejected', undefined],
      ['rate_limited', 'THROTTLING.userQPSLimit'],
      ['unauthorized', 'InvalidApiKey'],
    ];
    const lines = readFileSync(new URL('sse/14-error-bodies.jsonl', fixtures), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'));
    for (const [index, line] of lines.entries()) {
      it(`reads body ${index + 1} of sample 14`, () => {
        const { status, body } = JSON.parse(line);
        const error = http(status, body);
        assert.deepEqual([error.code, error.upstreamCode], expected[index]);
      });
    }

    it('has an expectation for every body of sample 14', () => assert.equal(lines.length, expected.length));

    it('reads native error events of a stream and keeps the request id', () => {
      const text = readFileSync(new URL('sse/07-error-event-allocation-quota.sse', fixtures), 'utf8');
      const envelope = parseErrorEnvelope(text);
      assert.equal(envelope.status, 429);
      const error = classifyStreamError(envelope);
      assert.deepEqual(
        [error.code, error.upstreamStatus, error.upstreamRequestId, error.message],
        [
          'token_rate_limited',
          429,
          '70acdc21-0000-0000-0000-000000000000',
          'Allocated quota exceeded, please increase your quota limit.',
        ],
      );
    });

    it('reads an error object in a data line', () => {
      const text = readFileSync(new URL('sse/09-error-in-data-line.sse', fixtures), 'utf8');
      assert.equal(classifyStreamError({ message: text }).code, 'content_filtered');
    });
  });

  describe('texts before codes', () => {
    const cases: readonly (readonly [string, number, unknown, Meaning])[] = [
      [
        'a used-up free quota under the code of the token limit',
        403,
        nested('Free allocated quota exceeded.', 'insufficient_quota', 'insufficient_quota'),
        { code: 'quota_exhausted', window: 'day' },
      ],
      [
        "the portal's 403 without that text",
        403,
        nested('no', 'insufficient_quota', 'insufficient_quota'),
        { code: 'quota_exhausted', window: 'day' },
      ],
      [
        'a plan window under a throttling code',
        429,
        { code: 'Throttling.AllocationQuota', message: 'week allocated quota exceeded' },
        { code: 'quota_exhausted', window: 'week' },
      ],
      [
        'capacity under Throttling',
        429,
        {
          code: 'Throttling',
          message: 'Too many requests. Your requests are being throttled due to system capacity limits.',
        },
        { code: 'upstream_overloaded' },
      ],
      ['capacity under 500', 500, { code: 'ModelServingError', message: '…' }, { code: 'upstream_overloaded' }],
      ['a plan key on the general host', 403, nested('invalid api-key', '…'), { code: 'unauthorized' }],
      [
        'broken tool arguments in compatible mode',
        500,
        nested(
          "<500> InternalError.Algo: Expecting ',' delimiter: line 1 column 2",
          'internal_error',
          'internal_error',
        ),
        { code: 'model_output' },
      ],
      [
        "the client's own broken JSON",
        400,
        nested("Expecting ',' delimiter: line 1 column 2 (char 1)"),
        { code: 'invalid_request' },
      ],
      ['GLM 1302', 429, { error: { code: 1302, message: 'busy' } }, { code: 'rate_limited' }],
      ['GLM 1305 with 500', 500, { error: { code: '1305', message: 'busy' } }, { code: 'rate_limited' }],
      ['an unpaid account with 400', 400, { code: 'Arrearage', message: '…' }, { code: 'billing' }],
      ['a lapsed prepayment with 429', 429, { code: 'PrepaidBillOverdue', message: '…' }, { code: 'billing' }],
      ['a missing workspace', 404, { code: 'WorkSpaceNotFound', message: 'no model' }, { code: 'unauthorized' }],
      [
        'an error with 200',
        200,
        nested('You exceeded your current quota', 'insufficient_quota'),
        { code: 'token_rate_limited' },
      ],
      ['an unknown named error with 200', 200, nested('no', 'invalid_request_error'), { code: 'invalid_request' }],
      ['nonsense with 200', 200, 'hello', { code: 'upstream_protocol' }],
    ];
    for (const [name, status, body, expected] of cases) {
      it(`reads ${name}`, () => assert.deepEqual(meaningOf(http(status, body)), expected));
    }
  });

  describe('statuses without a word', () => {
    const cases: Readonly<Record<number, ErrorCode>> = {
      302: 'wrong_path',
      400: 'invalid_request',
      401: 'unauthorized',
      402: 'billing',
      403: 'access_denied',
      404: 'wrong_path',
      405: 'wrong_path',
      407: 'upstream_unreachable',
      408: 'upstream_timeout',
      409: 'rate_limited',
      413: 'body_too_large',
      418: 'invalid_request',
      422: 'invalid_request',
      423: 'rate_limited',
      425: 'rate_limited',
      429: 'rate_limited',
      500: 'upstream_error',
      502: 'upstream_error',
      503: 'upstream_overloaded',
      504: 'upstream_timeout',
      529: 'upstream_overloaded',
      200: 'upstream_protocol',
    };
    for (const [status, code] of Object.entries(cases)) {
      it(`reads ${status}`, () => {
        const error = http(Number(status), '');
        assert.equal(error.code, code);
        assert.match(error.message, new RegExp(`HTTP ${status}`));
      });
    }

    it('reads a 404 that talks of a model', () => {
      assert.equal(http(404, nested('no such model here', 'x', 'not_found_error')).code, 'model_not_found');
    });

    const pages: Readonly<Record<number, ErrorCode>> = {
      200: 'upstream_protocol',
      403: 'upstream_protocol',
      405: 'upstream_protocol',
      404: 'wrong_path',
      429: 'rate_limited',
      502: 'upstream_error',
    };
    for (const [status, code] of Object.entries(pages)) {
      it(`reads a web page with ${status}`, () => {
        const error = http(Number(status), '<html><title>A model page</title></html>', { contentType: 'text/html' });
        assert.equal(error.code, code);
        assert.match(error.message, /web page \("A model page"\)/);
      });
    }
  });

  describe('inside a stream', () => {
    const cases: readonly (readonly [string, Parameters<typeof classifyStreamError>[0], ErrorCode])[] = [
      ['nothing at all', {}, 'upstream_error'],
      ['a status alone', { status: 429 }, 'rate_limited'],
      ['an Anthropic type', { type: 'overloaded_error', message: 'Overloaded' }, 'upstream_overloaded'],
      ['an Anthropic general type', { type: 'api_error', message: 'Oops' }, 'upstream_error'],
      ['a general code', { code: 'InvalidParameter', message: 'no' }, 'invalid_request'],
      ['a numeric code', { code: 429, message: 'slow down' }, 'rate_limited'],
      [
        'the text of error_finish',
        { message: 'Request rate increased too quickly. To ensure system stability, …' },
        'burst',
      ],
      ['error_finish with raw JSON', { message: '{"code":"Throttling.RateQuota","message":"…"}' }, 'rate_limited'],
      ['nulls', { code: null, type: null, message: null, requestId: null }, 'upstream_error'],
    ];
    for (const [name, failure, code] of cases) {
      it(`reads ${name}`, () => assert.equal(classifyStreamError(failure).code, code));
    }
  });

  describe('what a user gets', () => {
    const parameters: readonly (readonly [string, string])[] = [
      ['Range of max_tokens should be [1, 65536]', 'max_tokens'],
      ['This model only support stream mode, please enable the stream parameter to access the model.', 'stream'],
      ['The value of the enable_thinking parameter is restricted to True.', 'enable_thinking'],
      ['parameter.enable_thinking must be set to false for non-streaming calls', 'enable_thinking'],
      ['tool_choice is one of the strings that should be ["none", "auto"]', 'tool_choice'],
      ['input content must be a string.', 'messages.content'],
      ["'messages' must contain the word 'json' in some form, to use 'response_format'", 'response_format'],
      ['messages with role "tool" must be a response to a preceding message', 'messages'],
      ["[] is too short - 'messages'", 'messages'],
    ];
    for (const [message, param] of parameters) {
      it(`names the field ${param}: ${message.slice(0, 40)}`, () => {
        const error = http(400, nested(message));
        assert.deepEqual([error.code, error.param], ['invalid_request', param]);
      });
    }

    const ways: readonly (readonly [string, number, unknown, RegExp])[] = [
      ['a key of another region', 401, { code: 'InvalidApiKey', message: 'Invalid API-key provided.' }, /region/],
      ['a plan key on the general host', 403, nested('invalid api-key', '…'), /Coding Plan or Token Plan key/],
      ['an unpaid account', 400, { code: 'Arrearage', message: '…' }, /Pay the open bill/],
      ['another workspace', 403, { code: 'App.AccessDenied', message: 'App access denied.' }, /default workspace/],
      [
        'the tool gate',
        405,
        { error: 'Coding Plan is currently only available for Coding Agents' },
        /coding tools only/,
      ],
      ['the token limit', 429, nested('… #token-limit', 'insufficient_quota'), /tokens-per-minute/],
      ['a bare 404', 404, '', /base URL/],
      ['a web page', 200, '<html></html>', /network sign-in/],
    ];
    for (const [name, status, body, fix] of ways) {
      it(`says the way out of ${name}`, () => assert.match(http(status, body).fix ?? '', fix));
    }
  });

  describe('one word at a time', () => {
    // An in-stream failure may bring only its text or only its code; each has to be enough.
    const texts: readonly (readonly [string, Meaning])[] = [
      ['The free tier of the model has been exhausted.', { code: 'quota_exhausted', window: 'model' }],
      ['You exceeded your current quota, please check your plan', { code: 'token_rate_limited' }],
      ['prompt is too long: 1200000 tokens', { code: 'context_too_long' }],
      ['Input data may contain inappropriate content.', { code: 'content_filtered' }],
      ['Exceeded limit on max bytes to request body : 6291456', { code: 'body_too_large' }],
      ['Access denied, please make sure your account is in good standing.', { code: 'billing' }],
      ['Either you are not authorized to access this workspace, or', { code: 'unauthorized' }],
    ];
    for (const [message, expected] of texts) {
      it(`reads the text "${message}"`, () => assert.deepEqual(meaningOf(classifyStreamError({ message })), expected));
    }

    const codes: readonly (readonly [string, Meaning])[] = [
      ['NotSupportEnableThinking', { code: 'invalid_request' }],
      ['AllocationQuota.FreeTierOnly', { code: 'quota_exhausted', window: 'model' }],
      ['context_length_exceeded', { code: 'context_too_long' }],
      ['DataInspectionFailed', { code: 'content_filtered' }],
      ['CustomRoleBlocked', { code: 'content_filtered' }],
      ['IPInfringementSuspect', { code: 'content_filtered' }],
      ['request_too_large', { code: 'body_too_large' }],
      ['model_not_supported', { code: 'model_not_found' }],
      ['Throttling.BurstRate', { code: 'burst' }],
      ['Throttling.Concurrency', { code: 'concurrency' }],
      ['permission_error', { code: 'access_denied' }],
      ['billing_error', { code: 'billing' }],
      ['SystemError', { code: 'upstream_error' }],
    ];
    for (const [code, expected] of codes) {
      it(`reads the code ${code}`, () => assert.deepEqual(meaningOf(classifyStreamError({ code })), expected));
    }

    it('reads a 404 whose code talks of a model', () => {
      assert.equal(http(404, { code: 'NoSuchModel' }).code, 'model_not_found');
    });

    it('says what a general denial may come from', () => {
      assert.match(http(403, { code: 'AccessDenied', message: 'Access denied.' }).fix ?? '', /model is activated/);
    });
  });
});
