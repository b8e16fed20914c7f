import * as v from 'valibot';
import { isLoopbackHost } from './loopback-host.ts';
import { type ModelAlias, modelAliases } from './model-aliases.ts';
import type { NetworkSettings } from './network.ts';

/** How the next account is picked; `fallback` keeps one account active and uses the others only when it cannot serve. */
export const accountStrategies = ['fallback', 'round-robin', 'least-used', 'most-quota-left'] as const;
export type AccountStrategy = (typeof accountStrategies)[number];

/** Whether calls and thinking that models write into their text are put where they belong; `auto` = for models known to. */
export const leakRepairs = ['auto', 'always', 'never'] as const;
export type LeakRepair = (typeof leakRepairs)[number];

/** Whether requests go to an endpoint of their own format: `auto` where all that they hold is proven to work there. */
export const laneChoices = ['auto', 'native', 'translate'] as const;
export type LaneChoice = (typeof laneChoices)[number];

/** Where the device flow of one OAuth issuer lives. The client is public: there is normally no secret. */
export interface OAuthSettings {
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  readonly deviceCodeEndpoint: string;
  readonly tokenEndpoint: string;
  readonly scope: string;
  /** A token with less life left than this is refreshed before use. */
  readonly refreshBufferMs: number;
}

/** The whole configuration of a server: one immutable value, replaced as a whole on change. */
export interface ProxySettings {
  readonly host: string;
  readonly port: number;
  /** Host names accepted beside the loopback names, exact, any port. */
  readonly allowedHosts: readonly string[];
  /** Origins a browser page may call from, exact. */
  readonly corsOrigins: readonly string[];
  /** Default for requests that do not say `stream`. */
  readonly stream: boolean;
  /** `generated` = one key per install, created on first use; `off` only on loopback. */
  readonly apiKeys: readonly string[] | 'generated' | 'off';
  readonly adminKey: string | undefined;
  readonly defaultModel: string;
  /** Applied to the client's model before the account's list. */
  readonly modelAliases: readonly ModelAlias[];
  readonly accountStrategy: AccountStrategy;
  readonly leakRepair: LeakRepair;
  /** Pictures for a model that reads text only go to the account's first model that sees, instead of being refused. */
  readonly visionFallback: boolean;
  /** Requests without marks of their own are marked for Qwen's explicit cache. */
  readonly cacheMarkers: boolean;
  readonly lane: LaneChoice;
  readonly debugLog: boolean;
  readonly logFileLimit: number;
  /** How long the usage ledger is kept. A month is the least: the longest quota window is counted from it. */
  readonly usageRetentionDays: number;
  /** All request bodies together that are held at once, unpacked. Never less than one body may be. */
  readonly uploadLimitBytes: number;
  /** Of each program that has no key of its own; 0 = as many as it likes. */
  readonly requestsPerMinute: number;
  readonly oauth: OAuthSettings;
  /** The editor's; without it the environment's proxy variables count. */
  readonly network?: NetworkSettings;
}

/** A value nobody may use, with what to write instead. */
export interface SettingProblem {
  readonly name: string;
  readonly message: string;
}

const text = v.pipe(v.string('must be text'), v.trim());
const listOf = (item: v.GenericSchema<string>) =>
  v.pipe(
    v.union([
      v.array(text),
      v.pipe(
        text,
        v.transform((value) => value.split(',').map((part) => part.trim())),
      ),
    ]),
    v.transform((items) => items.filter((part) => part !== '')),
    v.array(item),
  );
const boolean = v.union(
  [
    v.boolean(),
    v.pipe(
      text,
      v.toLowerCase(),
      v.picklist(['true', 'false', '1', '0', 'yes', 'no', 'on', 'off']),
      v.transform((value) => ['true', '1', 'yes', 'on'].includes(value)),
    ),
  ],
  'must be true or false',
);
const wholeNumber = (minimum: number, maximum: number) =>
  v.pipe(
    v.union(
      [v.number(), v.pipe(text, v.digits(), v.transform(Number))],
      `must be a whole number from ${minimum} to ${maximum}`,
    ),
    v.integer(`must be a whole number from ${minimum} to ${maximum}`),
    v.minValue(minimum, `must be a whole number from ${minimum} to ${maximum}`),
    v.maxValue(maximum, `must be a whole number from ${minimum} to ${maximum}`),
  );
const hostName = v.pipe(
  text,
  v.regex(
    /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)$/,
    'must be a host name or an IP address, without scheme, port or path',
  ),
);
const origin = v.pipe(
  text,
  v.check(
    (value) => URL.canParse(value) && new URL(value).origin === value,
    'must be exact origins such as https://app.example.com, separated by commas',
  ),
);
const url = v.pipe(
  text,
  v.check((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), 'must be an http or https URL'),
  // Tokens travel there: in clear to this machine alone.
  v.check((value) => {
    if (!URL.canParse(value)) return true;
    const { protocol, hostname } = new URL(value);
    return protocol === 'https:' || isLoopbackHost(hostname);
  }, 'must be https, or http on loopback'),
);
const apiKey = v.pipe(text, v.minLength(1), v.regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces'));
const token = v.pipe(text, v.minLength(1, 'must not be empty'));

const schemas = {
  HOST: hostName,
  PORT: wholeNumber(0, 65535),
  ALLOWED_HOSTS: listOf(hostName),
  CORS_ORIGINS: listOf(origin),
  STREAM: boolean,
  API_KEY: listOf(apiKey),
  ADMIN_KEY: apiKey,
  DEFAULT_MODEL: token,
  MODEL_ALIASES: modelAliases,
  ACCOUNT_STRATEGY: v.picklist(accountStrategies, `must be one of ${accountStrategies.join(', ')}`),
  LEAK_REPAIR: v.picklist(leakRepairs, `must be one of ${leakRepairs.join(', ')}`),
  VISION_FALLBACK: boolean,
  CACHE_MARKERS: boolean,
  LANE: v.picklist(laneChoices, `must be one of ${laneChoices.join(', ')}`),
  DEBUG_LOG: boolean,
  LOG_FILE_LIMIT: wholeNumber(1, 10_000),
  USAGE_RETENTION_DAYS: wholeNumber(32, 3_650),
  UPLOAD_LIMIT_MIB: wholeNumber(64, 65_536),
  REQUESTS_PER_MINUTE: wholeNumber(0, 100_000),
  QWEN_BASE_URL: url,
  QWEN_CLIENT_ID: token,
  QWEN_CLIENT_SECRET: token,
  QWEN_DEVICE_CODE_ENDPOINT: url,
  QWEN_TOKEN_ENDPOINT: url,
  QWEN_SCOPE: token,
  TOKEN_REFRESH_BUFFER: wholeNumber(0, 3_600_000),
} as const;

/** The names of the environment table; VS Code settings are mapped onto the same names before they are checked. */
export type SettingName = keyof typeof schemas;
export const settingNames: readonly SettingName[] = Object.keys(schemas).filter(
  (name): name is SettingName => name in schemas,
);

/**
 * Checks raw values (strings of an environment, or typed editor settings) and fills in the defaults. Empty strings count
 * as absent, as they do in every `.env` file. Every mistake is reported, each with the name the user wrote.
 */
export function parseSettings(
  raw: Readonly<Partial<Record<SettingName, unknown>>>,
  defaults: { readonly port: number },
): { settings: ProxySettings; problems: readonly SettingProblem[] } {
  const problems: SettingProblem[] = [];
  function read<Name extends SettingName>(name: Name): v.InferOutput<(typeof schemas)[Name]> | undefined {
    const value = raw[name];
    if (value === undefined || value === null || value === '') return undefined;
    const result = v.safeParse<(typeof schemas)[Name]>(schemas[name], value);
    if (result.success) return result.output;
    problems.push({ name, message: `${name} ${result.issues[0].message}` });
    return undefined;
  }

  const host = read('HOST') ?? '127.0.0.1';
  const keys = read('API_KEY');
  const apiKeys =
    keys === undefined || keys.length === 0 ? 'generated' : keys.length === 1 && keys[0] === 'off' ? 'off' : keys;
  const oauthBase = (read('QWEN_BASE_URL') ?? 'https://chat.qwen.ai').replace(/\/+$/, '');
  const settings: ProxySettings = {
    host,
    port: read('PORT') ?? defaults.port,
    allowedHosts: read('ALLOWED_HOSTS') ?? [],
    corsOrigins: read('CORS_ORIGINS') ?? [],
    stream: read('STREAM') ?? false,
    apiKeys,
    adminKey: read('ADMIN_KEY'),
    defaultModel: read('DEFAULT_MODEL') ?? 'qwen3-coder-plus',
    modelAliases: read('MODEL_ALIASES') ?? [],
    accountStrategy: read('ACCOUNT_STRATEGY') ?? 'fallback',
    leakRepair: read('LEAK_REPAIR') ?? 'auto',
    visionFallback: read('VISION_FALLBACK') ?? false,
    cacheMarkers: read('CACHE_MARKERS') ?? false,
    lane: read('LANE') ?? 'auto',
    debugLog: read('DEBUG_LOG') ?? false,
    logFileLimit: read('LOG_FILE_LIMIT') ?? 20,
    usageRetentionDays: read('USAGE_RETENTION_DAYS') ?? 365,
    uploadLimitBytes: (read('UPLOAD_LIMIT_MIB') ?? 256) * 1024 * 1024,
    requestsPerMinute: read('REQUESTS_PER_MINUTE') ?? 0,
    oauth: {
      clientId: read('QWEN_CLIENT_ID') ?? 'f0304373b74a44d2b584a3fb70ca9e56',
      clientSecret: read('QWEN_CLIENT_SECRET'),
      deviceCodeEndpoint: read('QWEN_DEVICE_CODE_ENDPOINT') ?? `${oauthBase}/api/v1/oauth2/device/code`,
      tokenEndpoint: read('QWEN_TOKEN_ENDPOINT') ?? `${oauthBase}/api/v1/oauth2/token`,
      scope: read('QWEN_SCOPE') ?? 'openid profile email model.completion',
      refreshBufferMs: read('TOKEN_REFRESH_BUFFER') ?? 30_000,
    },
  };
  if (!isLoopbackHost(host)) {
    if (apiKeys === 'off')
      problems.push({ name: 'API_KEY', message: 'API_KEY=off works on a loopback HOST only: set a key' });
    else if (apiKeys === 'generated')
      problems.push({
        name: 'HOST',
        message: `HOST=${host} is reachable from other machines and needs an explicit API_KEY`,
      });
  }
  return { settings, problems };
}
