import { isLoopbackHost } from '../core/loopback-host.ts';
import { type ProxySettings, parseSettings, type SettingName } from '../core/settings.ts';

/** First part of every setting. */
export const settingsSection = 'qwenProxy';

/** The port of the editor's proxy: 8080, the headless default, belongs to half of a developer's tools. */
export const defaultPort = 47_820;

/** Variables that are secrets; settings are no place for them. */
export const secretSettingNames = ['ADMIN_KEY', 'QWEN_CLIENT_SECRET'] as const satisfies readonly SettingName[];
type EditorSettingName = Exclude<SettingName, (typeof secretSettingNames)[number]>;

/** Which setting stands for which variable of the headless proxy. */
export const settingKeys: Readonly<Record<EditorSettingName, string>> = {
  HOST: 'host',
  PORT: 'port',
  ALLOWED_HOSTS: 'allowedHosts',
  CORS_ORIGINS: 'corsOrigins',
  STREAM: 'stream',
  API_KEY: 'requireApiKey',
  DEFAULT_MODEL: 'defaultModel',
  MODEL_ALIASES: 'modelAliases',
  ACCOUNT_STRATEGY: 'accountStrategy',
  LEAK_REPAIR: 'leakRepair',
  VISION_FALLBACK: 'visionFallback',
  CACHE_MARKERS: 'cacheMarkers',
  LANE: 'lane',
  DEBUG_LOG: 'debugLog',
  LOG_FILE_LIMIT: 'logFileLimit',
  USAGE_RETENTION_DAYS: 'usageRetentionDays',
  UPLOAD_LIMIT_MIB: 'uploadLimitMib',
  REQUESTS_PER_MINUTE: 'requestsPerMinute',
  QWEN_BASE_URL: 'oauth.baseUrl',
  QWEN_CLIENT_ID: 'oauth.clientId',
  QWEN_DEVICE_CODE_ENDPOINT: 'oauth.deviceCodeEndpoint',
  QWEN_TOKEN_ENDPOINT: 'oauth.tokenEndpoint',
  QWEN_SCOPE: 'oauth.scope',
  TOKEN_REFRESH_BUFFER: 'oauth.tokenRefreshBufferMs',
};

/** The team gateway that a window is a client of. */
export const gatewaySettingKey = 'gateway.url';

/** Settings of the editor that the headless proxy does not have. */
export const editorOnlySettingKeys = ['autoStart', gatewaySettingKey, 'terminal.environment'] as const;

/** A setting that is not used, and why. */
export interface RefusedSetting {
  /** Full id, e.g. `qwenProxy.port`. */
  readonly id: string;
  /** `remote-host`: other machines could reach it, and an editor has no place for the explicit key that would take. */
  readonly reason: 'invalid' | 'remote-host';
  /** English, for the log and as detail. */
  readonly message: string;
}

function isEditorSettingName(name: string): name is EditorSettingName {
  return Object.hasOwn(settingKeys, name);
}

/** Reads all settings; what cannot be used is reported and replaced by its default. */
export function toProxySettings(read: (key: string) => unknown): {
  settings: ProxySettings;
  refused: readonly RefusedSetting[];
} {
  const raw: Partial<Record<SettingName, unknown>> = {};
  for (const [name, key] of Object.entries(settingKeys)) if (isEditorSettingName(name)) raw[name] = read(key);
  const refused: RefusedSetting[] = [];
  const requireApiKey = raw.API_KEY;
  delete raw.API_KEY;
  if (requireApiKey === false) raw.API_KEY = 'off';
  else if (requireApiKey !== true && requireApiKey !== undefined) {
    const id = `${settingsSection}.${settingKeys.API_KEY}`;
    refused.push({ id, reason: 'invalid', message: `${id} must be true or false` });
  }
  for (;;) {
    const { settings, problems } = parseSettings(raw, { port: defaultPort });
    const open = problems.filter(({ name }) => isEditorSettingName(name) && raw[name] !== undefined);
    if (open.length === 0) return { settings, refused };
    for (const { name, message } of open) {
      if (!isEditorSettingName(name)) continue;
      const isRemoteHost = name === 'HOST' && !isLoopbackHost(settings.host);
      const id = `${settingsSection}.${settingKeys[name]}`;
      refused.push({ id, reason: isRemoteHost ? 'remote-host' : 'invalid', message: message.replace(name, id) });
      delete raw[name];
    }
  }
}
