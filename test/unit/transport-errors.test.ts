import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type ErrorCode, GatewayError } from '../../src/core/errors.ts';
import { classifyTransportError } from '../../src/upstream/errors.ts';

describe('errors of the transport', () => {
  const withCode = (code: string, more: object = {}) => Object.assign(new Error('low-level text'), { code }, more);
  const cases: Readonly<Record<string, ErrorCode>> = {
    ECONNREFUSED: 'upstream_unreachable',
    ENOTFOUND: 'upstream_unreachable',
    EAI_AGAIN: 'upstream_unreachable',
    ECONNRESET: 'upstream_unreachable',
    UND_ERR_SOCKET: 'upstream_unreachable',
    UND_ERR_CONNECT_TIMEOUT: 'upstream_unreachable',
    UND_ERR_HEADERS_TIMEOUT: 'upstream_timeout',
    UND_ERR_BODY_TIMEOUT: 'upstream_timeout',
    CERT_HAS_EXPIRED: 'upstream_unreachable',
    DEPTH_ZERO_SELF_SIGNED_CERT: 'upstream_unreachable',
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'upstream_unreachable',
    ERR_TLS_CERT_ALTNAME_INVALID: 'upstream_unreachable',
    HPE_INVALID_CONSTANT: 'upstream_protocol',
    UND_ERR_ABORTED: 'client_gone',
  };
  for (const [code, expected] of Object.entries(cases)) {
    it(`reads ${code}, bare and wrapped by fetch`, () => {
      const bare = withCode(code);
      const wrapped = new TypeError('fetch failed', { cause: bare });
      for (const thrown of [bare, wrapped]) {
        const error = classifyTransportError(thrown);
        assert.deepEqual([error.code, error.upstreamCode, error.cause], [expected, code, thrown]);
        assert.ok(expected === 'client_gone' || error.fix, 'a sentence says what to do');
      }
    });
  }

  it('names the host that could not be resolved', () => {
    const error = classifyTransportError(withCode('ENOTFOUND', { hostname: 'nowhere.example' }));
    assert.match(error.message, /nowhere\.example \(ENOTFOUND\)/);
  });

  it('looks into the attempts of a dual-stack connect', () => {
    const attempt = withCode('ECONNREFUSED', { address: '127.0.0.1', port: 9 });
    const error = classifyTransportError(new TypeError('fetch failed', { cause: new AggregateError([attempt]) }));
    assert.match(error.message, /127\.0\.0\.1:9 \(ECONNREFUSED\)/);
  });

  it('tells a refused proxy tunnel from an abort', () => {
    const thrown = Object.assign(new Error('Proxy response (407) !== 200 when HTTP Tunneling'), {
      code: 'UND_ERR_ABORTED',
    });
    const error = classifyTransportError(thrown);
    assert.equal(error.code, 'upstream_unreachable');
    assert.match(error.message, /407/);
  });

  const byName: readonly (readonly [string, unknown, ErrorCode])[] = [
    ['an abort', new DOMException('stop', 'AbortError'), 'client_gone'],
    ['a time limit', new DOMException('late', 'TimeoutError'), 'upstream_timeout'],
    ['a cut body', new TypeError('terminated'), 'upstream_unreachable'],
    ['an unlisted system code', withCode('EHOSTDOWN'), 'upstream_unreachable'],
    ['a programming fault', new TypeError('x is not a function'), 'internal'],
    ['something thrown that is no error', 'boom', 'internal'],
  ];
  for (const [name, thrown, code] of byName) {
    it(`reads ${name}`, () => assert.equal(classifyTransportError(thrown).code, code));
  }

  it('hands back what is classified already, also as the reason of an abort', () => {
    const reason = new GatewayError('shutting_down', 'stopping');
    assert.equal(classifyTransportError(reason), reason);
    assert.equal(classifyTransportError(new Error('aborted', { cause: reason })), reason);
  });
});
