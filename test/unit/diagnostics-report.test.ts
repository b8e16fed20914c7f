import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type DiagnosticsFacts, diagnosticsReport, withoutSecrets } from '../../src/vscode/views/diagnostics-report.ts';

const secret = 'sk-canary0123456789';

/** Every place that a user or an upstream can write to holds a secret. */
const facts: DiagnosticsFacts = {
  snapshot: {
    state: 'error',
    version: '0.1.0',
    host: `${secret}.example.com`,
    port: 47_820,
    url: `http://${secret}.example.com`,
    problem: { code: 'failed', message: `It failed with ${secret}`, owner: secret },
    owner: { pid: 7, version: '0.1.0' },
    accounts: [
      {
        id: secret,
        label: `me@canary.example ${secret}`,
        kind: 'api-key',
        plan: 'custom',
        planLabel: 'Custom endpoint',
        enabled: true,
        state: 'unauthorized',
        reason: `Incorrect API key provided: ${secret} for me@canary.example at https://canary.example/v1?key=${secret}`,
        fix: secret,
        lastError: { code: 'unauthorized', atMs: 0 },
        obstacles: [{ model: secret, reason: secret }],
        windows: [{ name: 'day', usedRequests: 1, usedTokens: 1, left: 0.389, resetsMs: 0 }],
        requestsToday: 3,
        inputTokensToday: 0,
        outputTokensToday: 0,
        createdAtMs: 0,
        group: secret,
        linkedFile: `/home/canary/${secret}`,
      },
    ],
    requestsToday: 3,
  },
  requests: [
    {
      id: `req_${secret}`,
      startedMs: 0,
      state: 'failed',
      client: secret,
      dialect: 'openai-chat',
      lane: 'native',
      stream: true,
      modelAsked: secret,
      account: secret,
      attempts: [{ account: secret, committed: false, error: 'unauthorized' }],
      status: 401,
      error: 'unauthorized',
    },
  ],
  editor: { name: 'Visual Studio Code', version: '1.105.0', remote: 'wsl', language: 'zh-cn' },
  runtime: { node: '22.19.0', platform: 'linux', arch: 'x64' },
  network: {
    proxy: `http://canary:${secret}@proxy`,
    noProxy: [secret],
    proxySupport: 'override',
    proxyAuthorization: secret,
    strictSsl: false,
    systemCertificates: true,
  },
  proxyVariables: ['HTTPS_PROXY'],
  changedSettings: { port: 1234, stream: true, 'oauth.clientId': secret, allowedHosts: [secret] },
  atMs: 0,
};

describe('the diagnostics report', () => {
  it('says what a bug report needs', () => {
    const report = diagnosticsReport(facts);
    for (const line of [
      /Editor: Visual Studio Code 1\.105\.0, wsl, zh-cn/,
      /State: error, port 47820, not on loopback/,
      /Owner: process 7/,
      /Problem: failed: It failed with <credential>/,
      /http\.proxy set, 1 exceptions, certificates not checked, system certificates trusted, variables: HTTPS_PROXY/,
      /Settings changed: port = 1234, stream = true, oauth\.clientId = \(set\), allowedHosts = \(set\)/,
      /\| #1 \| api-key \| custom \| unauthorized \| Incorrect API key provided: <credential> for <address> at <url> \|.*day 38 % \|/,
      /\| openai-chat \| native \| <credential> \| failed \| 401 \| unauthorized \| #1 unauthorized \|/,
    ])
      assert.match(report, line);
  });

  it('holds no secret, no name and no address', () => {
    assert.ok(!diagnosticsReport(facts).includes('canary'));
  });

  it('has room for nothing to tell', () => {
    const { problem: _, owner: _owner, ...snapshot } = { ...facts.snapshot, accounts: [] };
    const report = diagnosticsReport({ ...facts, snapshot, requests: [], changedSettings: {}, proxyVariables: [] });
    assert.match(report, /## Accounts\n\nnone\n/);
    assert.match(report, /Settings changed: none/);
  });

  it('leaves an ordinary sentence as it is', () => {
    const sentence = 'The request was skipped: too many requests (429), retry in 30 s.';
    assert.equal(withoutSecrets(sentence), sentence);
  });

  it('takes every key out of a sentence', () => {
    const key = fc
      .tuple(
        fc.constantFrom('sk-', 'sk-sp-', 'qp-', 'Bearer ', ''),
        fc.string({ minLength: 24, unit: fc.constantFrom(...'abcXYZ0189_-') }),
      )
      .map(([prefix, rest]) => ({ text: prefix + rest, rest }));
    fc.assert(
      fc.property(
        key,
        fc.constantFrom(' ', '"', '(', ': '),
        ({ text, rest }, before) => !withoutSecrets(`The key${before}${text}${before}was refused.`).includes(rest),
      ),
    );
  });
});
