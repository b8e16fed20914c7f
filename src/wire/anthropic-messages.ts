/** Framing of Anthropic's Messages API: https://platform.claude.com/docs/en/build-with-claude/streaming */

/** One stream event. Every one has a name, which Anthropic's SDKs go by, and repeats it as `type`. */
export function messageEvent(type: string, fields: Readonly<Record<string, unknown>> = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}

/** A sign of life that every client skips. */
export const pingEvent = 'event: ping\ndata: {"type": "ping"}\n\n';

/**
 * A system text without the line that Claude Code puts before it, and that changes with every request. It is for
 * Anthropic's accounting, and in front of everything it would keep the prompt cache from ever hitting (claude-code #68900,
 * vllm-mlx #277). What stands behind it is the prompt.
 */
export function withoutBillingHeader(text: string): string {
  return text.replace(/^\s*x-anthropic-billing-header:[^\n]*\n?/i, '');
}
