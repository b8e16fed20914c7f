import type { ErrorCode, QuotaWindowName } from '../core/errors.ts';

/** What a matched failure means, in our terms. */
export interface ErrorMeaning {
  readonly error: ErrorCode;
  /** The used-up window, with `quota_exhausted`. */
  readonly window?: QuotaWindowName;
  /** Request field at fault, in the OpenAI Chat spelling. */
  readonly param?: string;
  /** What the user can do, one sentence. */
  readonly fix?: string;
}

/** One line of the table: every given condition has to hold. `code` is tried on the upstream's code and on its type. */
export interface ErrorRule extends ErrorMeaning {
  readonly status?: number | readonly number[];
  readonly code?: RegExp;
  readonly message?: RegExp;
}

const fixes = {
  key: 'Check the key and its region: a key works only in the region that issued it.',
  planKey:
    'A Coding Plan or Token Plan key works only on its own host: choose the plan and region the key was issued for.',
  token: 'Sign in again; if this is an API key, check that its plan and region match the account.',
  workspace: 'Use a key of the workspace this account points to; the model has to be enabled there.',
  defaultWorkspace: 'Use a key of the default workspace: the Anthropic surface accepts no other.',
  lapsed: 'Check in the Model Studio console that the plan is paid and the model is activated.',
  unpaid: 'Pay the open bill in the Alibaba Cloud console; the account serves again afterwards.',
  budget: 'Raise the spending limit you set in the Model Studio console.',
  freeTier: 'Turn off "use free tier only" for this model in the Model Studio console, or choose another model.',
  freeQuota: 'The free quota is used up: wait for the next day, or add an account with a paid plan.',
  tokensPerMinute: 'This is the tokens-per-minute limit, not a bill: wait a minute or add another account.',
  codingTool: 'The Coding Plan serves known coding tools only: use such a tool, or an account of another plan.',
  model: "Choose a model of the account's plan; the model list shows them.",
  contextTooLong: 'Shorten the conversation or choose a model with a longer context.',
  balance: 'Pay the open bill or top up the balance, then clear the account.',
  path: "Check the account's base URL: the API answers below a path that usually ends in /v1.",
  proxySignIn: 'The network proxy asks for a sign-in: check the proxy address, user and password.',
  lastMessage: 'The last message has to come from the user or carry a tool result.',
} as const;

/**
 * What upstream failures mean, first match wins. Texts come before codes, because the same code stands for different
 * things: `insufficient_quota` is the tokens-per-minute limit or a used-up free quota, `Throttling` a rate or the
 * capacity of a route, a 400 `ServiceUnavailableError` a bad message. Statuses are the last resort; where no line has one, `errors.ts` goes by its class.
 *
 * Sources: Model Studio "Error codes" page, Coding Plan and Token Plan FAQs, qwen-code issues; the observed bodies are
 * `test/fixtures/qwen-errors.json`.
 */
export const errorRules: readonly ErrorRule[] = [
  // Plans
  { message: /only available for coding agents/i, error: 'client_rejected', fix: fixes.codingTool },
  { message: /\bconcurrency allocated quota exceeded/i, error: 'concurrency' },
  { message: /\busage allocated quota exceeded/i, error: 'quota_soft' },
  { message: /\bhour(?:ly)? allocated quota exceeded/i, error: 'quota_exhausted', window: 'hour' },
  { message: /\bweek(?:ly)? allocated quota exceeded/i, error: 'quota_exhausted', window: 'week' },
  { message: /\bmonth(?:ly)? allocated quota exceeded/i, error: 'quota_exhausted', window: 'month' },
  // Quota and rate, by text
  { message: /\bfree allocated quota exceeded/i, error: 'quota_exhausted', window: 'day', fix: fixes.freeQuota },
  { message: /\bfree tier of the model/i, error: 'quota_exhausted', window: 'model', fix: fixes.freeTier },
  { message: /system capacity|route capacity/i, error: 'upstream_overloaded' },
  { message: /request rate increased too quickly/i, error: 'burst' },
  { message: /#token-limit|exceeded your current quota/i, error: 'token_rate_limited', fix: fixes.tokensPerMinute },
  // The request
  {
    message: /range of input length should be|maximum context length|total message token length exceed/i,
    error: 'context_too_long',
    param: 'messages',
    fix: fixes.contextTooLong,
  },
  {
    message: /prompt is too long|input (?:token length|tokens?|text) (?:is too long|exceed)/i,
    error: 'context_too_long',
    param: 'messages',
    fix: fixes.contextTooLong,
  },
  {
    message: /range of max_(?:completion_)?tokens should be/i,
    error: 'invalid_request',
    param: 'max_tokens',
    fix: 'Ask for no more output tokens than the range in the message allows.',
  },
  {
    message: /only support stream mode/i,
    error: 'invalid_request',
    param: 'stream',
    fix: 'Send "stream": true; this model answers in no other way.',
  },
  {
    message: /enable_thinking/i,
    error: 'invalid_request',
    param: 'enable_thinking',
    fix: 'Leave enable_thinking out, or choose a model that allows this value.',
  },
  { code: /NotSupportEnableThinking/i, error: 'invalid_request', param: 'enable_thinking' },
  {
    message: /\btool_choice\b/i,
    error: 'invalid_request',
    param: 'tool_choice',
    fix: 'Use "auto" or "none" as tool_choice.',
  },
  {
    message: /must contain the word ['"]?json/i,
    error: 'invalid_request',
    param: 'response_format',
    fix: 'Name the word "json" in a message, or leave response_format out.',
  },
  {
    message: /content must be a string/i,
    error: 'invalid_request',
    param: 'messages.content',
    fix: 'Send the content as plain text; this model takes no content parts.',
  },
  { message: /messages with role ["']?tool|too short - ["']?messages/i, error: 'invalid_request', param: 'messages' },
  // Answered with 500, and yet the message order is at fault.
  { message: /list index out of range/i, error: 'invalid_request', param: 'messages', fix: fixes.lastMessage },
  // Answered with the code ServiceUnavailableError.
  { message: /^role must be user or assistant/i, error: 'invalid_request', param: 'messages' },
  // The upstream's parser choked on tool arguments the model wrote.
  {
    code: /^internal_?(?:server_?)?error/i,
    message: /^(?:<500>.*)?(?:expecting|unterminated string|invalid \\?escape)/i,
    error: 'model_output',
  },
  { message: /inappropriate content|blocked by faq rule|\bIP infringement/i, error: 'content_filtered' },
  { message: /max bytes (?:per|to) |request entity too large/i, error: 'body_too_large' },
  // Models and access, by text
  {
    message: /^model \S+ is not supported|^unsupported model|\bmodel not exist|^the model \S+ does not exist/i,
    error: 'model_not_found',
    param: 'model',
    fix: fixes.model,
  },
  { message: /account is in good standing|bill overdue/i, error: 'billing', fix: fixes.unpaid },
  { message: /invalid access token or token expired/i, error: 'token_expired', fix: fixes.token },
  { status: 403, message: /invalid api-?key/i, error: 'unauthorized', fix: fixes.planKey },
  { message: /not authorized to access this workspace/i, error: 'unauthorized', fix: fixes.workspace },
  // Codes that say one thing only
  { code: /^Arrearage$|^(?:Pre|Post)paidBillOverdue$/i, error: 'billing', fix: fixes.unpaid },
  { code: /^CommodityNotPurchased$|^AccessDenied\.Unpurchased$/i, error: 'billing', fix: fixes.lapsed },
  { code: /^BudgetLimitExceeded$/i, error: 'billing', fix: fixes.budget },
  { code: /^AllocationQuota\.FreeTierOnly$/i, error: 'quota_exhausted', window: 'model', fix: fixes.freeTier },
  { code: /^context_length_exceeded$/i, error: 'context_too_long', param: 'messages', fix: fixes.contextTooLong },
  { code: /^data_?inspection_?failed$|^(?:FaqRule|CustomRole)Blocked$/i, error: 'content_filtered' },
  { code: /^IPInfringementSuspect$|^content_filter$/i, error: 'content_filtered' },
  { code: /^RequestEntityTooLarge$|^request_too_large$/i, error: 'body_too_large' },
  { code: /^model_?not_?found$|^model_not_supported$/i, error: 'model_not_found', param: 'model', fix: fixes.model },
  { code: /^Model\.AccessDenied$/i, error: 'model_not_allowed', param: 'model', fix: fixes.workspace },
  { code: /^App\.AccessDenied$/i, error: 'access_denied', fix: fixes.defaultWorkspace },
  {
    code: /^Workspace\.AccessDenied$|^WorkSpaceNotFound$|^NOT AUTHORIZED$/i,
    error: 'unauthorized',
    fix: fixes.workspace,
  },
  { code: /^AccessDenied$/i, error: 'access_denied', fix: fixes.lapsed },
  { code: /^invalid_?api_?key$|^authentication_error$/i, error: 'unauthorized', fix: fixes.key },
  // The portal answered its daily quota with 403 as well.
  { status: 403, code: /^insufficient_quota$/i, error: 'quota_exhausted', window: 'day', fix: fixes.freeQuota },
  {
    code: /^insufficient_quota$|^Throttling\.AllocationQuota$/i,
    error: 'token_rate_limited',
    fix: fixes.tokensPerMinute,
  },
  { code: /^Throttling\.BurstRate$|^limit_burst_rate$/i, error: 'burst' },
  { code: /^Throttling\.Concurrency/i, error: 'concurrency' },
  // 1302 and 1305 are GLM's own rate limits, passed through as they are.
  { code: /^Throttling\b|^limit_?requests$|^rate_limit|^130[25]$/i, error: 'rate_limited' },
  { code: /^RequestTimeOut$|^timeout_error$/i, error: 'upstream_timeout' },
  { message: /^stream timeout/i, error: 'upstream_timeout' },
  { code: /^ModelServingError$|^ModelUnavailable$|^overloaded_error$/i, error: 'upstream_overloaded' },
  // Statuses
  { status: 401, error: 'unauthorized', fix: fixes.key },
  { status: 402, error: 'billing', fix: fixes.balance },
  { status: 403, error: 'access_denied' },
  { status: 404, code: /model/i, error: 'model_not_found', param: 'model', fix: fixes.model },
  { status: 404, message: /\bmodel\b/i, error: 'model_not_found', param: 'model', fix: fixes.model },
  { status: [404, 405], error: 'wrong_path', fix: fixes.path },
  { status: 407, error: 'upstream_unreachable', fix: fixes.proxySignIn },
  { status: [408, 504], error: 'upstream_timeout' },
  { status: 413, error: 'body_too_large' },
  { status: [409, 423, 425, 429], error: 'rate_limited' },
  { status: [503, 529], error: 'upstream_overloaded' },
];
