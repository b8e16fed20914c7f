import type { IncomingHttpHeaders } from 'node:http';

/** Headers by which clients name a conversation, the more telling first. */
const sessionHeaders = ['x-session-id', 'x-claude-code-session-id', 'session-id', 'x-session-affinity'] as const;

/** What the client's headers say about the conversation. */
export function sessionHeader(headers: IncomingHttpHeaders): string | undefined {
  const found = sessionHeaders.map((name) => headers[name]).find((value) => value !== undefined && value !== '');
  return Array.isArray(found) ? found[0] : found;
}
