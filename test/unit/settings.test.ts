import assert from 'node:assert/strict';
import { isLoopbackHost } from '../../src/core/loopback-host.ts';
import { parseSettings, type SettingName, settingNames } from '../../src/core/settings.ts';

const parse = (raw: Readonly<Partial<Record<SettingName, unknown>>>) => parseSettings(raw, { port: 8080 });

interface Row {
  /** Values that are taken, with what they become. */
  readonly good: readonly (readonly [unknown, unknown])[];
  readonly bad: readonly unknown[];
  readonly read: (settings: ReturnType<typeof parse>['settings']) => unknown;
  readonly beside?: Readonly<Partial<Record<SettingName, unknown>>>;
}

const booleans: Pick<Row, 'good' | 'bad'> = {
  good: [
    ['true', true],
    ['TRUE', true],
    ['1', true],
    ['yes', true],
    ['on', true],
    [true, true],
    ['false', false],
    ['0', false],
    ['no', false],
    ['off', false],
    [' false ', false],
    [false, false],
  ],
  bad: ['maybe', '2', 1, [], 'truee'],
};
const urls: Pick<Row, 'bad'> = { bad: ['chat.qwen.ai', 'ftp://x', 'file:///etc', 'javascript:1', '//x', 7] };

const rows: Readonly<Record<SettingName, Row>> = {
  HOST: {
    good: [
      ['127.0.0.1', '127.0.0.1'],
      ['localhost', 'localhost'],
      ['::1', '::1'],
      ['[::1]', '[::1]'],
      ['0.0.0.0', '0.0.0.0'],
      [' my-box.lan ', 'my-box.lan'],
    ],
    bad: ['http://localhost', 'localhost:80', 'a/b', 'a b', '-a', 'user@host', 5],
    read: (settings) => settings.host,
    beside: { API_KEY: 'k' },
  },
  PORT: {
    good: [
      ['0', 0],
      ['80', 80],
      ['65535', 65_535],
      [47_820, 47_820],
      [' 9000 ', 9_000],
    ],
    bad: ['eighty', '-1', '65536', '80.5', 80.5, '0x50', '1e3', Number.NaN, true],
    read: (settings) => settings.port,
  },
  ALLOWED_HOSTS: {
    good: [
      ['a.lan, b.lan,', ['a.lan', 'b.lan']],
      [['a.lan', ''], ['a.lan']],
      ['::2', ['::2']],
    ],
    bad: ['*', 'a.lan:80', 'http://a.lan', ['a', 'b/c']],
    read: (settings) => settings.allowedHosts,
  },
  CORS_ORIGINS: {
    good: [
      ['https://a.example', ['https://a.example']],
      ['http://localhost:3000, https://b.example', ['http://localhost:3000', 'https://b.example']],
    ],
    bad: ['*', 'null', 'a.example', 'https://a.example/', 'https://A.example', 'https://a.example/x'],
    read: (settings) => settings.corsOrigins,
  },
  STREAM: { ...booleans, read: (settings) => settings.stream },
  API_KEY: {
    good: [
      ['one', ['one']],
      ['one, two', ['one', 'two']],
      [
        ['a', 'b'],
        ['a', 'b'],
      ],
      ['off', 'off'],
      [',', 'generated'],
    ],
    bad: ['with space', 'ключ', 'a,b c'],
    read: (settings) => settings.apiKeys,
  },
  ADMIN_KEY: { good: [['admin', 'admin']], bad: ['two words', 'ä', 5], read: (settings) => settings.adminKey },
  DEFAULT_MODEL: { good: [['qwen-plus', 'qwen-plus']], bad: ['  ', 7], read: (settings) => settings.defaultModel },
  MODEL_ALIASES: {
    good: [
      [
        'gpt-*=qwen3.7-plus, fast=qwen3.8-flash,',
        [
          { pattern: 'gpt-*', model: 'qwen3.7-plus' },
          { pattern: 'fast', model: 'qwen3.8-flash' },
        ],
      ],
      ['{"o*": "qwen-plus"}', [{ pattern: 'o*', model: 'qwen-plus' }]],
      [{ 'o*': 'qwen-plus' }, [{ pattern: 'o*', model: 'qwen-plus' }]],
      [{}, []],
    ],
    bad: ['gpt-4', '{"a":', '["a"]', 'a=b,A=c', { a: 1 }, { a: 'b*' }, { 'a b': 'c' }, '=x', 'a=', 7],
    read: (settings) => settings.modelAliases,
  },
  LEAK_REPAIR: {
    good: ['auto', 'always', 'never'].map((name) => [name, name] as const),
    bad: ['on', true],
    read: (settings) => settings.leakRepair,
  },
  VISION_FALLBACK: { ...booleans, read: (settings) => settings.visionFallback },
  CACHE_MARKERS: { ...booleans, read: (settings) => settings.cacheMarkers },
  ACCOUNT_STRATEGY: {
    good: ['fallback', 'round-robin', 'least-used', 'most-quota-left'].map((name) => [name, name] as const),
    bad: ['random', 'Fallback', 'round robin', 1],
    read: (settings) => settings.accountStrategy,
  },
  LANE: {
    good: ['auto', 'native', 'translate'].map((name) => [name, name] as const),
    bad: ['Auto', 'fast', 1],
    read: (settings) => settings.lane,
  },
  DEBUG_LOG: { ...booleans, read: (settings) => settings.debugLog },
  LOG_FILE_LIMIT: {
    good: [
      ['1', 1],
      [10_000, 10_000],
    ],
    bad: ['0', '10001', 'many', -1],
    read: (settings) => settings.logFileLimit,
  },
  USAGE_RETENTION_DAYS: {
    good: [
      ['32', 32],
      [3650, 3650],
    ],
    bad: ['31', '3651', 'long', 40.5],
    read: (settings) => settings.usageRetentionDays,
  },
  UPLOAD_LIMIT_MIB: {
    good: [
      ['64', 64 * 1024 * 1024],
      [65_536, 64 * 1024 ** 3],
    ],
    // One body may be 64 MiB: less would never take it.
    bad: ['63', '65537', 'much', 100.5],
    read: (settings) => settings.uploadLimitBytes,
  },
  REQUESTS_PER_MINUTE: {
    good: [
      ['0', 0],
      ['60', 60],
    ],
    bad: ['-1', '100001', 'many', 1.5],
    read: (settings) => settings.requestsPerMinute,
  },
  QWEN_BASE_URL: {
    ...urls,
    good: [['https://q.example/', 'https://q.example/api/v1/oauth2/token']],
    read: (settings) => settings.oauth.tokenEndpoint,
  },
  QWEN_CLIENT_ID: { good: [['id', 'id']], bad: [' ', 1], read: (settings) => settings.oauth.clientId },
  QWEN_CLIENT_SECRET: { good: [['s', 's']], bad: [' ', 1], read: (settings) => settings.oauth.clientSecret },
  QWEN_DEVICE_CODE_ENDPOINT: {
    ...urls,
    good: [['http://127.0.0.1:1/d', 'http://127.0.0.1:1/d']],
    read: (settings) => settings.oauth.deviceCodeEndpoint,
  },
  QWEN_TOKEN_ENDPOINT: {
    ...urls,
    good: [['https://q.example/t', 'https://q.example/t']],
    read: (settings) => settings.oauth.tokenEndpoint,
  },
  QWEN_SCOPE: { good: [['a b', 'a b']], bad: [' ', 1], read: (settings) => settings.oauth.scope },
  TOKEN_REFRESH_BUFFER: {
    good: [
      ['0', 0],
      [3_600_000, 3_600_000],
    ],
    bad: ['-1', '3600001', 'soon', 1.5],
    read: (settings) => settings.oauth.refreshBufferMs,
  },
};

describe('settings', () => {
  it('every name has a row here', () => assert.deepEqual(Object.keys(rows).toSorted(), settingNames.toSorted()));
  it('the defaults', () => {
    const { settings, problems } = parse({});
    assert.deepEqual(problems, []);
    assert.deepEqual(settings, {
      host: '127.0.0.1',
      port: 8080,
      allowedHosts: [],
      corsOrigins: [],
      stream: false,
      apiKeys: 'generated',
      adminKey: undefined,
      defaultModel: 'qwen3-coder-plus',
      modelAliases: [],
      accountStrategy: 'fallback',
      leakRepair: 'auto',
      visionFallback: false,
      cacheMarkers: false,
      lane: 'auto',
      debugLog: false,
      logFileLimit: 20,
      usageRetentionDays: 365,
      uploadLimitBytes: 256 * 1024 * 1024,
      requestsPerMinute: 0,
      oauth: {
        clientId: 'f0304373b74a44d2b584a3fb70ca9e56',
        clientSecret: undefined,
        deviceCodeEndpoint: 'https://chat.qwen.ai/api/v1/oauth2/device/code',
        tokenEndpoint: 'https://chat.qwen.ai/api/v1/oauth2/token',
        scope: 'openid profile email model.completion',
        refreshBufferMs: 30_000,
      },
    });
  });
  for (const [name, row] of Object.entries(rows) as [SettingName, Row][])
    describe(name, () => {
      for (const [value, expected] of row.good)
        it(`${JSON.stringify(value)} is ${JSON.stringify(expected)}`, () => {
          const { settings, problems } = parse({ ...row.beside, [name]: value });
          assert.deepEqual(problems, []);
          assert.deepEqual(row.read(settings), expected);
        });
      for (const value of row.bad)
        it(`${JSON.stringify(value)} is refused by name, and the default stands`, () => {
          const { settings, problems } = parse({ ...row.beside, [name]: value });
          assert.deepEqual(
            problems.map((problem) => problem.name),
            [name],
          );
          const [problem] = problems;
          assert.match(problem?.message ?? '', new RegExp(`^${name} `));
          assert.deepEqual(row.read(settings), row.read(parse({ ...row.beside }).settings));
        });
      for (const value of ['', undefined, null])
        it(`${value === '' ? 'empty' : value} counts as absent`, () =>
          assert.deepEqual(parse({ [name]: value }), parse({})));
    });
  it('every mistake is reported at once', () => {
    const raw = Object.fromEntries(
      (Object.entries(rows) as [SettingName, Row][]).map(([name, row]) => [name, row.bad[0]]),
    );
    assert.deepEqual(
      parse(raw)
        .problems.map((problem) => problem.name)
        .toSorted(),
      settingNames.toSorted(),
    );
  });
  it('a host that others can reach needs a key of the user’s own', () => {
    const problems = (raw: Parameters<typeof parse>[0]) => parse(raw).problems.map((problem) => problem.name);
    assert.deepEqual(problems({ HOST: '0.0.0.0' }), ['HOST']);
    assert.deepEqual(problems({ HOST: '0.0.0.0', API_KEY: 'off' }), ['API_KEY']);
    assert.deepEqual(problems({ HOST: '0.0.0.0', API_KEY: 'k' }), []);
    for (const HOST of ['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]'])
      assert.deepEqual(problems({ HOST, API_KEY: 'off' }), [], HOST);
  });
  it('loopback is this machine alone', () => {
    for (const host of ['127.0.0.1.evil.com', '127.1', '0.0.0.0', '::', 'localhost.evil.com', '10.0.0.1'])
      assert.equal(isLoopbackHost(host), false, host);
  });
});
