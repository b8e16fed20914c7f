import type { PlanSummary } from '../core/control.ts';
import { GatewayError } from '../core/errors.ts';
import { isLoopbackHost } from '../core/loopback-host.ts';
import type { QuotaWindow } from '../core/quota-window.ts';
import type { Endpoints, WireFormat } from '../core/upstream.ts';
import { dashScopeEndpoints, planTable } from './plan-table.ts';

export type PlanName =
  | 'standard-cn'
  | 'standard-intl'
  | 'standard-us'
  | 'standard-hk'
  | 'workspace'
  | 'coding-cn'
  | 'coding-intl'
  | 'token-cn'
  | 'token-intl'
  | 'custom'
  | 'oauth'
  | 'demo';

export interface Plan {
  readonly name: PlanName;
  readonly label: string;
  /** Region and what the plan is, one short line. */
  readonly detail: string;
  /** Shape of its keys; absent where any key may be right. */
  readonly keyPattern?: RegExp;
  readonly keyHint: string;
  readonly keyUrl?: string;
  /** `undefined`: the account brings them. */
  readonly endpoints: Endpoints | undefined;
  readonly needsBaseUrl: boolean;
  /** Formats the plan may speak; {@link planFormats} leaves out those the account has no endpoint for. */
  readonly formats: readonly WireFormat[];
  /** `GET /models` works there. */
  readonly listsModels: boolean;
  /** Model ids; authoritative where `listsModels` is false, else what to show before the first list came. */
  readonly models: readonly string[];
  readonly quotaWindows: readonly QuotaWindow[];
  /** To be shown once when an account is added. */
  readonly terms?: string;
  /** Whether the client's own User-Agent goes along: the Coding Plan serves by it, and none is ever imitated. */
  readonly passesClientUserAgent: boolean;
}

export interface AccountEndpoints {
  readonly baseUrl?: string | undefined;
  readonly anthropicBaseUrl?: string | undefined;
  readonly responsesBaseUrl?: string | undefined;
}

/** Every plan, in the order in which a picker shows them. */
export const plans: readonly Plan[] = planTable;

/** The plan of that name; `undefined` for an unknown name, such as one a newer version stored. */
export function plan(name: string): Plan | undefined {
  return plans.find((each) => each.name === name);
}

/** What user interfaces show of a plan. */
export function planSummary({ name, label, detail, keyHint, keyUrl, needsBaseUrl, terms }: Plan): PlanSummary {
  return {
    name,
    label,
    detail,
    keyHint,
    needsBaseUrl,
    ...(keyUrl === undefined ? {} : { keyUrl }),
    ...(terms === undefined ? {} : { terms }),
  };
}

/**
 * Where an account of a plan is served. A workspace's paths are derived from its host, with whatever path it was given;
 * fixed plans ignore the account's URLs, so that no stored value can lead a key elsewhere.
 * @throws GatewayError `wrong_path` where the account has to bring a base URL and does not.
 */
export function planEndpoints({ name, endpoints, label }: Plan, account: AccountEndpoints): Endpoints {
  if (endpoints) return endpoints;
  const { baseUrl, anthropicBaseUrl, responsesBaseUrl } = account;
  if (!baseUrl || !URL.canParse(baseUrl)) {
    const fix = 'Remove the account and add it again with its base URL.';
    throw new GatewayError('wrong_path', `The account has no usable base URL, which ${label} needs.`, { fix });
  }
  if (name === 'workspace') return dashScopeEndpoints(new URL(baseUrl).origin);
  return {
    openai: withoutTail(baseUrl),
    ...(anthropicBaseUrl ? { anthropic: withoutTail(anthropicBaseUrl).replace(/\/v1$/, '') } : {}),
    ...(responsesBaseUrl ? { responses: withoutTail(responsesBaseUrl) } : {}),
  };
}

/** The formats the plan speaks at these endpoints. */
export function planFormats(plan: Plan, endpoints: Endpoints): readonly WireFormat[] {
  return plan.formats.filter(
    (format) =>
      (format !== 'anthropic-messages' || endpoints.anthropic !== undefined) &&
      (format !== 'openai-responses' || endpoints.responses !== undefined),
  );
}

export type BaseUrlVerdict =
  | { readonly ok: true /** Normalised, without a trailing slash. */; readonly url: string }
  | { readonly ok: false /** Why not, one or two sentences for a person. */; readonly message: string };

/** Regions with workspace hosts (Model Studio page "Base URL overview", October 2026). */
const workspaceRegions: readonly string[] = [
  'cn-beijing',
  'ap-southeast-1',
  'us-east-1',
  'cn-hongkong',
  'eu-central-1',
  'ap-northeast-1',
];

/** Judges a base URL a user typed for a plan, before a key is stored beside it. Takes the Anthropic and Responses bases as well. */
export function validateBaseUrl(planName: PlanName, url: string): BaseUrlVerdict {
  const chosen = plan(planName);
  if (chosen?.endpoints || planName === 'demo') {
    return { ok: false, message: `${chosen?.label ?? planName} has its own address and takes no base URL.` };
  }
  const text = url.trim();
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text)) {
    return { ok: false, message: 'The base URL has to begin with https:// and name a host.' };
  }
  const parsed = new URL(text);
  if (parsed.username || parsed.password) {
    return { ok: false, message: 'The base URL must not hold a user or password; the key is asked for by itself.' };
  }
  if (/[?#]/.test(text)) return { ok: false, message: 'The base URL must not hold a query ("?") or a fragment ("#").' };
  if (parsed.protocol === 'http:' && !(planName !== 'workspace' && isLoopbackHost(parsed.hostname))) {
    return {
      ok: false,
      message: 'With http the key would travel in clear text: use https, or an address of this computer.',
    };
  }
  return planName === 'workspace' ? workspaceVerdict(parsed) : { ok: true, url: withoutTail(parsed.href) };
}

function workspaceVerdict({ host, origin }: URL): BaseUrlVerdict {
  const [, workspace, region] = /^([a-z0-9-]+)\.([a-z0-9-]+)\.maas\.aliyuncs\.com$/.exec(host) ?? [];
  if (workspace === undefined || region === undefined) {
    return { ok: false, message: 'A workspace address looks like https://{workspace}.{region}.maas.aliyuncs.com.' };
  }
  if (workspace === 'token-plan') {
    return { ok: false, message: 'This is the address of the Token Plan: choose the Token Plan of this region.' };
  }
  if (!workspaceRegions.includes(region)) {
    return {
      ok: false,
      message: `"${region}" is no region with workspaces; known are ${workspaceRegions.join(', ')}.`,
    };
  }
  return { ok: true, url: origin };
}

const foreignKeys: readonly (readonly [RegExp, string])[] = [
  [/^sk-ant-/, 'Anthropic'],
  [/^sk-(?:proj|svcacct|admin)-/, 'OpenAI'],
  [/^sk-or-/, 'OpenRouter'],
  [/^(?:gh[a-z]_|github_pat_)/, 'GitHub'],
];

/** Whose key this is, if it is plainly not one for Qwen: such a key is refused and never sent anywhere. */
export function foreignKeyOwner(key: string): string | undefined {
  return foreignKeys.find(([shape]) => shape.test(key.trim()))?.[1];
}

/** Where a token goes that came without a `resource_url`; as qwen-code decides it. */
const defaultResourceBaseUrl = 'https://dashscope.aliyuncs.com/compatible-mode/v1';

/**
 * Base URL for an OAuth token, from the token answer's `resource_url` (normally the bare host `portal.qwen.ai`). The
 * value decides where a credential travels, so only https to Qwen's own hosts is accepted, or the exact host of an
 * endpoint the user configured, which may be http on loopback.
 * @param configuredHosts `host` or `host:port`, as `URL.host` gives it.
 * @throws GatewayError `access_denied` for any other address.
 */
export function resourceUrlToBaseUrl(resourceUrl: string | undefined, configuredHosts: readonly string[]): string {
  const text = resourceUrl?.trim() ?? '';
  if (text === '') return defaultResourceBaseUrl;
  const withScheme = text.includes('://') ? text : `https://${text}`;
  const parsed = URL.canParse(withScheme) ? new URL(withScheme) : undefined;
  if (!parsed || !mayReceiveToken(parsed, configuredHosts)) {
    throw new GatewayError('access_denied', 'The sign-in named an address for its token that is not one of Qwen.', {
      fix: 'Sign in again; if you run an endpoint of your own, configure its address first.',
    });
  }
  const base = withoutTail(parsed.href);
  return base.endsWith('/v1') ? base : `${base}/v1`;
}

function mayReceiveToken(url: URL, configuredHosts: readonly string[]): boolean {
  if (url.username || url.password || url.search || url.hash) return false;
  const isConfigured = configuredHosts.some((host) => host.toLowerCase() === url.host);
  if (url.protocol === 'http:') return isConfigured && isLoopbackHost(url.hostname);
  if (url.protocol !== 'https:') return false;
  const isQwen = url.hostname.endsWith('.qwen.ai') || url.hostname.endsWith('.aliyuncs.com');
  return isConfigured || (isQwen && url.port === '');
}

/** Without trailing slashes and without the endpoint people paste along with the base. */
function withoutTail(url: string): string {
  return url
    .trim()
    .replace(/\/+$/, '')
    .replace(/\/(?:chat\/completions|completions|embeddings|responses|messages)$/, '');
}
