import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { parseErrorEnvelope } from '../../src/upstream/error-envelope.ts';
import { classifyHttpError, classifyStreamError } from '../../src/upstream/errors.ts';

const now = Date.UTC(2026, 10, 22, 12);

function http(status: number, message: string, headers: Record<string, string> = {}, code = 'x') {
  return classifyHttpError({ status, headers, body: JSON.stringify({ error: { message, code } }), now });
}

describe('what is taken from a failed answer', () => {
  describe('its envelope', () => {
    const shapes: readonly (readonly [string, string, ReturnType<typeof parseErrorEnvelope>])[] = [
      ['nothing', '', {}],
      ['blank', ' \r\n', {}],
      ['plain text', 'upstream connect error', { message: 'upstream connect error' }],
      ['broken JSON', '{"error":{"mess', { message: '{"error":{"mess' }],
      ['a JSON scalar inside an array', '["nope"]', { message: 'nope' }],
      ['an empty array', '[]', {}],
      ['null', '{"error":null}', {}],
      ['a numeric code', '{"error":{"code":1302,"message":"busy"}}', { code: '1302', message: 'busy' }],
      [
        "Anthropic's error",
        '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}',
        { type: 'overloaded_error', message: 'Overloaded', requestId: 'req_1' },
      ],
      ['an OAuth error', '{"error":"x_y","error_description":"why"}', { code: 'x_y', message: 'why' }],
      ['a web page', '<!DOCTYPE html><title>\n Blocked </title>', { html: true, message: 'Blocked' }],
      [
        'a code inside the text',
        '{"message":"<429> InternalError.Algo: busy"}',
        { code: 'InternalError.Algo', message: '<429> InternalError.Algo: busy', status: 429 },
      ],
      [
        'an event after others',
        'event: result\ndata: {"output":{}}\n\nevent: error\n: HTTP_STATUS/503\ndata: {"code":"ModelUnavailable"}\n\n',
        { code: 'ModelUnavailable', status: 503 },
      ],
    ];
    for (const [name, body, envelope] of shapes) {
      it(`parses ${name}`, () => assert.deepEqual(parseErrorEnvelope(body), envelope));
    }
  });

  describe('its text', () => {
    it('masks whatever looks like a credential', () => {
      const secrets = [
        'sk-sp-0123456789abcdef',
        'sk-proj-AbC_12345678',
        'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl',
        'zyxw.9876543210',
        'gho_0123456789abcdefghij',
      ];
      const [first, second, jwt, opaque, github] = secrets;
      const text = `Incorrect API key provided: ${first}. (${second}; ${jwt}; Bearer ${opaque}; ${github}; access_token=${opaque})`;
      for (const error of [http(401, text, {}, `bad ${first}`), classifyStreamError({ message: text })]) {
        for (const secret of secrets) assert.ok(!`${error.message} ${error.upstreamCode}`.includes(secret), secret);
        assert.match(error.message, /^Incorrect API key provided: sk-\*\*\*\. \(/);
      }
    });

    it('leaves words alone that only contain the letters', () => {
      const text = 'The task-management and risk-averse disk-usage is fine.';
      assert.equal(http(400, text).message, text);
    });

    it('cuts long texts at 2,000 characters', () => {
      const { message } = http(500, 'x'.repeat(100_000));
      assert.equal(message.length, 2000);
      assert.ok(message.endsWith('x…'));
    });
  });

  describe('the wait an upstream asks for', () => {
    const cases: readonly (readonly [Record<string, string>, number | undefined])[] = [
      [{}, undefined],
      [{ retryAfter: '20' }, 20_000],
      [{ retryAfter: '1.5' }, 1500],
      [{ retryAfter: '0' }, 0],
      [{ retryAfter: 'Sun, 22 Nov 2026 12:01:00 GMT' }, 60_000],
      [{ retryAfter: 'Sun, 22 Nov 2026 11:00:00 GMT' }, 0],
      [{ retryAfter: '99999999' }, 86_400_000],
      [{ retryAfterMs: '1250', retryAfter: '20' }, 1250],
      [{ retryAfterMs: 'soon', retryAfter: '20' }, 20_000],
      [{ retryAfter: '-5' }, undefined],
      [{ retryAfter: 'soon 5' }, undefined],
      [{ retryAfter: 'Infinity' }, undefined],
    ];
    for (const [headers, expected] of cases) {
      it(`reads ${JSON.stringify(headers)}`, () => assert.equal(http(429, '', headers).retryAfterMs, expected));
    }
  });
});
