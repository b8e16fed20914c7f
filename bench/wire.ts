/** What the bench's upstream says and its load generator expects: the shapes of Model Studio, with text that tells one chunk from the next. */

export type Format = 'chat' | 'anthropic';

/** How the upstream answers until it is told otherwise. */
export interface AnswerPlan {
  readonly chunks: number;
  /** Chunks of one write to the socket. */
  readonly chunksPerWrite: number;
  /** Between two writes; 0 = as fast as the socket takes them. */
  readonly paceMs: number;
}

const created = 1_770_764_906;
const model = 'qwen3-coder-plus';
const id = 'chatcmpl-d2d6aab7-cbca-970f-8aa6-7d58c9724733';
/** Prompt tokens that every answer reports. */
export const promptTokens = 1_234;

/** Text of one chunk; a paced one carries the time at which it was written, in microseconds. */
export const word = (index: number, atMicros?: number) => (atMicros === undefined ? ` word${index}` : ` t${atMicros};`);

/** Microseconds of a clock that all processes of this machine share. */
export const nowMicros = () => Number(process.hrtime.bigint() / 1_000n);

export function chunkEvent(format: Format, text: string): string {
  return format === 'chat'
    ? `data: {"choices":[{"delta":{"content":"${text}"},"finish_reason":null,"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":${created},"system_fingerprint":null,"model":"${model}","id":"${id}"}\n\n`
    : `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${text}"}}\n\n`;
}

/** What a stream says before its chunks. */
export function beginning(format: Format): string {
  if (format === 'chat')
    return `data: {"choices":[{"delta":{"content":"","role":"assistant"},"index":0,"logprobs":null,"finish_reason":null}],"object":"chat.completion.chunk","usage":null,"created":${created},"system_fingerprint":null,"model":"${model}","id":"${id}"}\n\n`;
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [], stop_reason: null };
  const usage = { input_tokens: promptTokens, output_tokens: 1 };
  return (
    `event: message_start\ndata: ${JSON.stringify({ type: 'message_start', message: { ...message, usage } })}\n\n` +
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
  );
}

/** What a stream says after its chunks. */
export function ending(format: Format, chunks: number): string {
  if (format === 'anthropic')
    return (
      'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n' +
      `event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":${chunks}}}\n\n` +
      'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    );
  return (
    `data: {"choices":[{"finish_reason":"stop","delta":{"content":""},"index":0,"logprobs":null}],"object":"chat.completion.chunk","usage":null,"created":${created},"system_fingerprint":null,"model":"${model}","id":"${id}"}\n\n` +
    `data: {"choices":[],"object":"chat.completion.chunk","usage":${usageJson(chunks)},"created":${created},"system_fingerprint":null,"model":"${model}","id":"${id}"}\n\n` +
    'data: [DONE]\n\n'
  );
}

const usageJson = (chunks: number) =>
  `{"prompt_tokens":${promptTokens},"completion_tokens":${chunks},"total_tokens":${promptTokens + chunks},"prompt_tokens_details":{"cached_tokens":0}}`;

/** The whole text of an answer that is not paced. */
export const textOf = (chunks: number) => Array.from({ length: chunks }, (_, index) => word(index)).join('');

/** An answer to a request without `stream`. */
export const completion = (chunks: number) =>
  `{"choices":[{"message":{"role":"assistant","content":"${textOf(chunks)}"},"finish_reason":"stop","index":0,"logprobs":null}],"object":"chat.completion","usage":${usageJson(chunks)},"created":${created},"system_fingerprint":null,"model":"${model}","id":"${id}"}`;

/** What is wrong with an answer; nothing where it is whole. */
export function faultOf(body: Buffer, format: Format, plan: AnswerPlan, isStream: boolean): string | undefined {
  const text = plainText(body, format === 'chat' ? '"content":"' : '"text":"');
  if (plan.paceMs > 0) {
    const stamps = text.match(/ t\d+;/g)?.length ?? 0;
    if (stamps !== plan.chunks) return `${stamps} of ${plan.chunks} chunks`;
  } else if (text !== textOf(plan.chunks)) return `text differs at ${body.length} bytes`;
  const has = (part: string) => body.indexOf(part) !== -1;
  if (format === 'chat') {
    if (!has('"finish_reason":"stop"')) return 'no finish reason';
    if (isStream && !has('data: [DONE]')) return 'no [DONE]';
    if (!has(`"completion_tokens":${plan.chunks}`)) return 'wrong usage';
  } else {
    if (!has('"stop_reason":"end_turn"')) return 'no stop reason';
    if (!has('"type":"message_stop"')) return 'no message_stop';
    if (!has(`"output_tokens":${plan.chunks}`)) return 'wrong usage';
  }
  return undefined;
}

/** All values of a field that is only ever a string without escapes, joined. */
function plainText(body: Buffer, key: string): string {
  const parts: string[] = [];
  for (let at = body.indexOf(key); at !== -1; at = body.indexOf(key, at)) {
    const end = body.indexOf(0x22, at + key.length);
    parts.push(body.toString('latin1', at + key.length, end));
    at = end;
  }
  return parts.join('');
}
