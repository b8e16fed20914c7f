import type { IncomingHttpHeaders } from 'node:http';

/** The only headers of a client that may go upstream, and only to an endpoint of its own format. */
const names = ['anthropic-version', 'anthropic-beta'] as const;

const none: Readonly<Record<string, string>> = {};

/** Picks them; what is no plain text is left out. */
export function passedHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  if (!names.some((name) => headers[name] !== undefined)) return none;
  const found = names.map((name) => [name, [headers[name]].flat().join(',')] as const);
  return Object.fromEntries(found.filter(([, value]) => /^[\x20-\x7e]{1,4096}$/.test(value)));
}
