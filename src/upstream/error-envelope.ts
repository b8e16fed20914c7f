import { isJsonObject, parseJson } from '../core/json.ts';

/** What an upstream said in a failed answer, read from any of its envelopes; every field is absent where it said nothing. */
export interface ErrorEnvelope {
  readonly code?: string;
  readonly type?: string;
  readonly message?: string;
  readonly requestId?: string;
  /** HTTP status named inside the body: an `:HTTP_STATUS/429` comment, `status`, or a `<429>` at the start of the text. */
  readonly status?: number;
  /** The body was a web page, so a firewall, a portal or a wrong address answered and not the API. */
  readonly html?: true;
}

/** Longest upstream text that reaches a client, in characters. */
const maxMessageChars = 2000;
const maxNameChars = 200;

/**
 * Reads the body of a failed answer, or one `data:` payload of a stream. Never throws.
 *
 * | envelope                                   | seen at                                                |
 * |--------------------------------------------|--------------------------------------------------------|
 * | `{error:{code,type,message}}`, also with `id`, `request_id` | compatible mode                       |
 * | `{error:"text"}`, `{error,error_description}` | the Coding Plan's tool gate; OAuth                  |
 * | `{code,message,request_id}`                | native DashScope                                       |
 * | `{errorType,rid,message:null,status}`      | DashScope's gateway (qwen-code #2191)                  |
 * | `{type:"error",error:{type,message}}`      | the Anthropic surface                                  |
 * | `id:1`, `event:error`, `:HTTP_STATUS/429`, `data:{…}` | native events, in a stream or as the whole body |
 * | HTML, plain text, nothing                  | firewalls, gateways, Coding Plan `/models`             |
 */
export function parseErrorEnvelope(body: string, contentType?: string): ErrorEnvelope {
  const text = body.trim();
  if (text === '') return {};
  if (text.startsWith('{') || text.startsWith('[')) {
    const parsed = parseJson(text);
    return parsed === undefined ? { message: text } : fromJson(parsed);
  }
  if (/^<(?:!doctype|html|head|body|\?xml|!--|script|title)/i.test(text) || /\bhtml\b/i.test(contentType ?? '')) {
    return fromHtml(text);
  }
  return /^(?:data|event|id|retry)?:/m.test(text) && /^data:/m.test(text) ? fromEventStream(text) : fromText(text);
}

/**
 * Text of an upstream made fit for clients and logs: whatever looks like a credential is masked, the rest is kept up to
 * 2,000 characters. Upstreams repeat a refused key in the refusal.
 */
export function cleanUpstreamText(text: string): string {
  const masked = text
    .slice(0, 4 * maxMessageChars)
    .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, '$1 ***')
    .replace(/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, '***')
    .replace(/\bsk-[\w*-]{4,}/g, 'sk-***')
    .replace(/\bgh[a-z]_\w{16,}|\bgithub_pat_\w{16,}|\bLTAI\w{12,}/g, '***')
    .replace(/((?:api[-_ ]?key|(?:access|refresh)_token|secret)["']?\s*[:=]\s*["']?)[\w.*-]{8,}/gi, '$1***')
    .trim();
  return masked.length > maxMessageChars ? `${masked.slice(0, maxMessageChars - 1)}…` : masked;
}

function fromJson(value: unknown): ErrorEnvelope {
  // Some gateways in front of custom bases wrap the one error in an array.
  const root = Array.isArray(value) ? value[0] : value;
  if (!isJsonObject(root)) return typeof root === 'string' ? fromText(root) : {};
  const inner = isJsonObject(root.error) ? root.error : root;
  const description = firstText(root.error_description);
  const short = firstText(root.error);
  return envelope({
    code: firstText(inner.code, inner.errorType, description === undefined ? undefined : short),
    // On the Anthropic surface the outer `type` is only the word "error".
    type: inner === root && root.type === 'error' ? undefined : firstText(inner.type),
    message: firstText(inner.message, description, short, root.message, root.detail),
    requestId: firstText(root.request_id, inner.request_id, root.requestId, root.rid),
    status: firstStatus(root.status, root.status_code, root.statusCode, inner.status),
  });
}

function fromEventStream(text: string): ErrorEnvelope {
  const status = firstStatus(/^:\s*HTTP_STATUS\/(\d{3})/im.exec(text)?.[1]);
  let plain: string | undefined;
  for (const event of text.split(/\r?\n\r?\n/)) {
    const data = event
      .split(/\r?\n/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice('data:'.length).trim())
      .join('\n');
    const parsed = parseJson(data);
    const found = parsed === undefined ? {} : fromJson(parsed);
    if (found.code !== undefined || found.message !== undefined) {
      return status === undefined ? found : { ...found, status };
    }
    plain ??= data === '' || data === '[DONE]' ? undefined : data;
  }
  return envelope({ message: plain, status });
}

function fromHtml(text: string): ErrorEnvelope {
  const title = /<title[^>]*>([^<]{1,200})/i.exec(text)?.[1]?.replace(/\s+/g, ' ').trim();
  return { html: true, ...(title === undefined || title === '' ? {} : { message: title }) };
}

function fromText(text: string): ErrorEnvelope {
  return envelope({ message: text });
}

interface EnvelopeParts {
  code?: string | undefined;
  type?: string | undefined;
  message?: string | undefined;
  requestId?: string | undefined;
  status?: number | undefined;
}

function envelope(parts: EnvelopeParts): ErrorEnvelope {
  // Compatible mode passes inner errors on as text: "<400> InternalError.Algo.InvalidParameter: Range of …".
  const inText = /^<(\d{3})>\s*(?:([A-Za-z][\w.]{2,80}):)?/.exec(parts.message ?? '');
  const code = parts.code ?? inText?.[2];
  const status = parts.status ?? firstStatus(inText?.[1]);
  return {
    ...(code === undefined ? {} : { code: code.slice(0, maxNameChars) }),
    ...(parts.type === undefined ? {} : { type: parts.type.slice(0, maxNameChars) }),
    ...(parts.message === undefined ? {} : { message: parts.message }),
    ...(parts.requestId === undefined ? {} : { requestId: parts.requestId.slice(0, maxNameChars) }),
    ...(status === undefined ? {} : { status }),
  };
}

/** The first value that says something; numeric codes (GLM's 1302) count. */
function firstText(...values: unknown[]): string | undefined {
  for (const value of values) {
    if (typeof value === 'string' && value.trim() !== '') return value.trim();
    if (typeof value === 'number') return String(value);
  }
  return undefined;
}

function firstStatus(...values: unknown[]): number | undefined {
  return values.map(Number).find((value) => Number.isInteger(value) && value >= 300 && value <= 599);
}
