import { randomUUID } from 'node:crypto';
import catalogue from '../fixtures/qwen-errors.json' with { type: 'json' };
import { isObject, type JsonObject } from './json.ts';
import { bodyReply, jsonReply, type Reply } from './reply.ts';

/** What the catalogue's placeholders stand for in one answer: `xxx` a model, `N` a number. */
export interface Placeholders {
  readonly model?: string | undefined;
  readonly number?: number;
}

/** One entry of the catalogue, its placeholders filled. */
export interface CatalogueEntry {
  /** 0 = the transport fails. */
  readonly status: number;
  readonly body: string | JsonObject;
}

/** The page that stands for Alibaba's web application firewall: HTTP 200, not JSON. */
export const firewallPage =
  '<!DOCTYPE html><html><head><meta name="aliyun_waf_aa" content="challenge"></head><body>WAF challenge</body></html>';

const entries = new Map<number, { readonly status: number; readonly body: unknown }>(
  catalogue.map((entry) => [entry.id, { status: entry.status, body: entry.body }]),
);

/** Finds an entry by id; an unknown id is a mistake of the test. */
export function catalogueEntry(id: number, placeholders: Placeholders = {}): CatalogueEntry {
  const entry = entries.get(id);
  if (!entry) throw new RangeError(`qwen-errors.json has no entry ${id}`);
  const body = fill(entry.body, '', placeholders);
  if (typeof body === 'string') return { status: entry.status, body };
  if (isObject(body)) return { status: entry.status, body };
  throw new TypeError(`entry ${id} of qwen-errors.json has no usable body`);
}

/** A catalogue entry as an HTTP answer, byte for byte but for the placeholders. */
export function catalogueReply(id: number, placeholders: Placeholders = {}): Reply {
  const { status, body } = catalogueEntry(id, placeholders);
  if (status === 0) return { ...bodyReply(502, '', ''), ending: 'reset', outcome: 'cut' };
  if (typeof body !== 'string') return jsonReply(status, body);
  if (body === '(no body)') return bodyReply(status, '', '');
  return firewallReply(status);
}

/** The firewall's page. It counts as refused although its status is 200. */
export function firewallReply(status = 200): Reply {
  return { ...bodyReply(status, 'text/html; charset=utf-8', firewallPage), outcome: 'refused' };
}

/** A parameter refused by the schema of the compatible surface. */
export function parameterRefusal(message: string): Reply {
  return openAiRefusal(400, 'invalid_parameter_error', message);
}

/** A parameter refused by the inference service behind it, which prefixes its messages. */
export function inferenceRefusal(message: string): Reply {
  const error = {
    code: 'invalid_parameter_error',
    param: null,
    message: `<400> InternalError.Algo.InvalidParameter: ${message}`,
    type: 'invalid_request_error',
  };
  return jsonReply(400, { error, id: `chatcmpl-${randomUUID()}`, request_id: randomUUID() });
}

/** An error in OpenAI's envelope with the request id Qwen adds. */
export function openAiRefusal(status: number, code: string, message: string): Reply {
  const error = { message, type: 'invalid_request_error', param: null, code };
  return jsonReply(status, { error, request_id: randomUUID() });
}

/** An error in DashScope's own flat envelope. */
export function nativeRefusal(status: number, code: string, message: string): Reply {
  return jsonReply(status, { request_id: randomUUID(), code, message });
}

const idFields = new Set(['request_id', 'rid', 'id']);

function fill(value: unknown, field: string, placeholders: Placeholders): unknown {
  if (isObject(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fill(inner, name, placeholders)]));
  }
  if (typeof value !== 'string') return value;
  if (idFields.has(field)) return value.replace('…', randomUUID());
  return value
    .replace('[1, N]', `[1, ${placeholders.number ?? 983_616}]`)
    .replace(/\bxxx\b/, placeholders.model ?? 'xxx');
}
