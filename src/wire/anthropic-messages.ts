/** Framing of Anthropic's Messages API: https://platform.claude.com/docs/en/build-with-claude/streaming */

/** One stream event. Every one has a name, which Anthropic's SDKs go by, and repeats it as `type`. */
export function messageEvent(type: string, fields: Readonly<Record<string, unknown>> = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** A sign of life that every client skips. */
export const pingEvent = 'event: ping\ndata: {"type": "ping"}\n\n';
