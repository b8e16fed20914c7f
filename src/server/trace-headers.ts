import type { IncomingHttpHeaders } from 'node:http';

const zeros = /^0+$/;

/**
 * The trace that a request belongs to, passed on as it came: this proxy makes no spans of its own.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const { traceparent, tracestate } = headers;
  if (typeof traceparent !== 'string') return {};
  const [, version, trace = '', parent = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-[\x21-\x7e]{0,200})?$/.exec(traceparent) ?? [];
  if (version === undefined || version === 'ff' || zeros.test(trace) || zeros.test(parent)) return {};
  // Version 00 has four parts and no more.
  if (version === '00' && traceparent.length !== 55) return {};
  const state = [tracestate].flat().join(',');
  return { traceparent, ...(/^[\x20-\x7e]{1,512}$/.test(state) && { tracestate: state }) };
}
