import type { QuotaWindow } from '../core/quota-window.ts';
import type { Endpoints, WireFormat } from '../core/upstream.ts';
import type { Plan } from './plans.ts';

/** The three surfaces of a Model Studio host ("Base URL overview"); the older `/api/v2/apps/protocols` path is going away. */
export function dashScopeEndpoints(origin: string): Endpoints {
  const openai = `${origin}/compatible-mode/v1`;
  return { openai, anthropic: `${origin}/apps/anthropic`, responses: openai };
}

/** Coding Plan hosts speak below `/v1`, not `/compatible-mode/v1`, and document no Responses surface. */
function codingEndpoints(origin: string): Endpoints {
  return { openai: `${origin}/v1`, anthropic: `${origin}/apps/anthropic` };
}

const standardKey = /^sk-(?!sp-|tok-)[\w.-]{6,}$/;
const keyPageIntl = 'https://www.alibabacloud.com/help/en/model-studio/get-api-key';
const codingTerms =
  "For interactive coding tools only, by Alibaba Cloud's terms: no scripts, backends or batch jobs. The key belongs to its one subscriber, must not be shared, and may be suspended.";

const generalFormats: readonly WireFormat[] = ['openai-chat', 'openai-responses', 'anthropic-messages'];

/** Fill-in-the-middle completions exist in Beijing only. */
const beijingFormats: readonly WireFormat[] = ['openai-completions', 'openai-embeddings', ...generalFormats];

const standardModels = [
  'qwen3-coder-plus',
  'qwen3.8-max',
  'qwen3.8-flash',
  'qwen3.7-max',
  'qwen3.7-plus',
  'qwen3.6-plus',
  'glm-5.1',
  'deepseek-v4-pro',
  'deepseek-v4-flash',
  'kimi-k3',
  'kimi-k2.7-code',
  'kimi-k2.6',
];

const codingModels = [
  'qwen3-coder-plus',
  'qwen3.7-plus',
  'qwen3.6-plus',
  'qwen3.5-plus',
  'qwen3-coder-next',
  'qwen3-max-2026-01-23',
  'glm-5',
  'glm-4.7',
  'kimi-k2.5',
  'MiniMax-M2.5',
];

const tokenModels = [
  'qwen3.8-max',
  'qwen3.8-flash',
  'qwen3.8-max-preview',
  'qwen3.7-max',
  'qwen3.7-plus',
  'qwen3.6-plus',
  'qwen3.6-flash',
  'deepseek-v4-pro',
  'deepseek-v4-pro-0813',
  'deepseek-v4-flash-0731',
  'deepseek-v4.1-flash',
  'deepseek-v3.2',
  'kimi-k2.7-code',
  'kimi-k2.6',
  'kimi-k2.5',
  'glm-5.2',
  'glm-5.1',
  'glm-5',
  'MiniMax-M2.5',
];

/** Coding Plan Pro (plan page); Lite has a fifth of it and is no longer sold. */
const codingWindows: readonly QuotaWindow[] = [
  { name: 'hour', limitRequests: 6000, slidingMs: 5 * 60 * 60 * 1000, reset: 'sliding' },
  { name: 'week', limitRequests: 45_000, reset: 'monday-utc8' },
  { name: 'month', limitRequests: 90_000, reset: 'subscription-day-utc8' },
];

const standard = {
  keyPattern: standardKey,
  keyHint: 'sk-…',
  needsBaseUrl: false,
  listsModels: true,
  models: standardModels,
  // Rates per minute only, shared by all keys of a main account.
  quotaWindows: [],
  passesClientUserAgent: true,
} as const;

const coding = {
  keyPattern: /^sk-sp-[\w.-]{6,}$/,
  keyHint: 'sk-sp-…',
  needsBaseUrl: false,
  formats: ['openai-chat', 'anthropic-messages'],
  // GET /models answers 404 there (Coding Plan FAQ).
  listsModels: false,
  models: codingModels,
  quotaWindows: codingWindows,
  terms: codingTerms,
  passesClientUserAgent: true,
} as const;

const token = {
  // The prefix is the Coding Plan's too; which plan a key belongs to, only its host tells.
  keyPattern: /^sk-(?:sp|tok)-[\w.-]{6,}$/,
  keyHint: 'sk-sp-…',
  needsBaseUrl: false,
  formats: generalFormats,
  listsModels: true,
  models: tokenModels,
  // Counts credits; the newest page (autumn 2026) knows a monthly limit only, an older one 5 h and 7 days.
  quotaWindows: [{ name: 'month', reset: 'subscription-day-utc8' }],
  terms: codingTerms,
  passesClientUserAgent: true,
} as const;

/** Sources: Model Studio pages "Base URL overview", "Coding Plan FAQ", "Token Plan"; qwen-code's provider presets. */
export const planTable: readonly Plan[] = [
  {
    ...coding,
    name: 'coding-intl',
    label: 'Coding Plan (International)',
    detail: 'Singapore · subscription, 6,000 requests per 5 h',
    keyUrl: 'https://modelstudio.console.alibabacloud.com/?tab=dashboard#/efm/coding_plan',
    endpoints: codingEndpoints('https://coding-intl.dashscope.aliyuncs.com'),
  },
  {
    ...coding,
    name: 'coding-cn',
    label: 'Coding Plan (China)',
    detail: 'Beijing · subscription, 6,000 requests per 5 h',
    keyUrl: 'https://bailian.console.aliyun.com/?tab=model#/efm/coding_plan',
    endpoints: codingEndpoints('https://coding.dashscope.aliyuncs.com'),
  },
  {
    ...token,
    name: 'token-intl',
    label: 'Token Plan (International)',
    detail: 'Singapore · subscription, monthly credits',
    keyUrl: 'https://modelstudio.console.alibabacloud.com/',
    endpoints: dashScopeEndpoints('https://token-plan.ap-southeast-1.maas.aliyuncs.com'),
  },
  {
    ...token,
    name: 'token-cn',
    label: 'Token Plan (China)',
    detail: 'Beijing · subscription, monthly credits',
    keyUrl: 'https://bailian.console.aliyun.com/cn-beijing?tab=doc#/doc/?type=model&url=3028856',
    endpoints: dashScopeEndpoints('https://token-plan.cn-beijing.maas.aliyuncs.com'),
  },
  {
    ...standard,
    name: 'standard-intl',
    label: 'Model Studio (International)',
    detail: 'Singapore · pay as you go',
    keyUrl: keyPageIntl,
    endpoints: dashScopeEndpoints('https://dashscope-intl.aliyuncs.com'),
    formats: ['openai-embeddings', ...generalFormats],
  },
  {
    ...standard,
    name: 'standard-cn',
    label: 'Model Studio (China)',
    detail: 'Beijing · pay as you go',
    keyUrl: 'https://bailian.console.aliyun.com/?tab=model#/api-key',
    endpoints: dashScopeEndpoints('https://dashscope.aliyuncs.com'),
    formats: beijingFormats,
    models: [...standardModels, 'qwen-coder-turbo'],
  },
  {
    ...standard,
    name: 'standard-us',
    label: 'Model Studio (US)',
    detail: 'Virginia · pay as you go',
    keyUrl: keyPageIntl,
    endpoints: dashScopeEndpoints('https://dashscope-us.aliyuncs.com'),
    formats: generalFormats,
  },
  {
    ...standard,
    name: 'standard-hk',
    label: 'Model Studio (Hong Kong)',
    detail: 'Hong Kong · pay as you go',
    keyUrl: keyPageIntl,
    endpoints: dashScopeEndpoints('https://cn-hongkong.dashscope.aliyuncs.com'),
    formats: generalFormats,
  },
  {
    ...standard,
    name: 'workspace',
    label: 'Model Studio workspace',
    detail: "A workspace's own host in any region, the only kind in Frankfurt and Tokyo · pay as you go",
    keyUrl: keyPageIntl,
    endpoints: undefined,
    needsBaseUrl: true,
    formats: ['openai-embeddings', ...generalFormats],
  },
  {
    name: 'custom',
    label: 'Custom endpoint',
    detail: 'Any OpenAI-compatible base URL that serves Qwen models',
    keyHint: 'any key',
    endpoints: undefined,
    needsBaseUrl: true,
    formats: beijingFormats,
    listsModels: true,
    models: [],
    quotaWindows: [],
    passesClientUserAgent: true,
  },
  {
    name: 'oauth',
    label: 'Qwen sign-in',
    detail: 'chat.qwen.ai · the free tier ended on 2026-04-15, entitled accounts only',
    keyHint: 'no key, signs in with a browser',
    // From the token's resource_url.
    endpoints: undefined,
    needsBaseUrl: false,
    formats: ['openai-chat'],
    listsModels: false,
    models: ['coder-model'],
    // The last published limit (qwen-code #3203).
    quotaWindows: [{ name: 'day', limitRequests: 100, reset: 'midnight-utc' }],
    passesClientUserAgent: true,
  },
  {
    name: 'demo',
    label: 'Demo',
    detail: 'Answers from this computer without an account, to try the proxy',
    keyHint: 'no key',
    endpoints: undefined,
    needsBaseUrl: false,
    formats: ['openai-chat'],
    listsModels: false,
    models: ['demo'],
    quotaWindows: [],
    passesClientUserAgent: false,
  },
];
