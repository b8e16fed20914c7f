import type { ChatEvent, FinishReason } from '../../core/chat-event.ts';
import type { AnswerEncoder, AnswerFacts } from '../../core/dialect.ts';
import type { GatewayError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Usage } from '../../core/usage.ts';
import { messageEvent, pingEvent } from '../../wire/anthropic-messages.ts';
import { type Block, TextBlock, ThinkingBlock, ToolUseBlock } from './blocks.ts';
import { encodeErrorBody } from './errors.ts';
import { StopScanner } from './stop-scanner.ts';

export interface MessageEncoderOptions {
  /** The client wants signatures in the place of thinking. */
  readonly hidesThinking: boolean;
  readonly stops: readonly string[];
}

/**
 * Writes one answer as Anthropic's events, or as their message. Blocks stand in the order in which they began, and only one
 * is open: what comes for a later one waits until all before it are closed, because nothing may be written to a closed
 * block (litellm #13373). A call is closed when its arguments are whole and something else has begun.
 */
export class MessageEncoder implements AnswerEncoder {
  readonly #facts: AnswerFacts;
  readonly #hidesThinking: boolean;
  readonly #stops: StopScanner;
  readonly #blocks: Block[] = [];
  readonly #calls = new Map<number, ToolUseBlock>();
  /** The block that is open, or the next to be. */
  #open = 0;
  #hasStarted = false;
  #isRefused = false;
  #reason: FinishReason | undefined;
  #usage: Usage | undefined;

  constructor(facts: AnswerFacts, { hidesThinking, stops }: MessageEncoderOptions) {
    this.#facts = facts;
    this.#hidesThinking = hidesThinking;
    this.#stops = new StopScanner(stops);
  }

  get isOver(): boolean {
    return this.#stops.found !== undefined;
  }

  encode(event: ChatEvent): string {
    if (event.type === 'usage') {
      this.#usage = event.usage;
      return '';
    }
    if (this.isOver || this.#reason !== undefined) return '';
    const start = this.#start();
    this.#take(event);
    return start + (this.isOver ? this.#closeAll() : this.#write());
  }

  end(): string {
    return (
      this.#start() +
      this.#closeAll() +
      messageEvent('message_delta', {
        delta: { stop_reason: this.#stopReason, stop_sequence: this.#stops.found ?? null },
        usage: this.#usageFields,
      }) +
      messageEvent('message_stop')
    );
  }

  result(): JsonObject {
    return this.#message({
      content: this.#blocks.map(({ document }) => document).filter((document) => document !== undefined),
      stop_reason: this.#stopReason,
      stop_sequence: this.#stops.found ?? null,
      usage: this.#usageFields,
    });
  }

  fail(error: GatewayError): string {
    return messageEvent('error', encodeErrorBody(error, this.#facts.requestId));
  }

  #take(event: Exclude<ChatEvent, { type: 'usage' }>): void {
    if (event.type !== 'text') this.#show(this.#stops.flush());
    switch (event.type) {
      case 'text':
        this.#show(this.#stops.push(event.text));
        break;
      case 'refusal':
        this.#isRefused = true;
        this.#show(event.text);
        break;
      case 'reasoning':
        this.#think(event.text);
        break;
      case 'tool-call':
        this.#calls.set(event.index, this.#append(new ToolUseBlock(event.id, event.name)));
        break;
      case 'tool-arguments':
        this.#calls.get(event.index)?.push(event.text);
        break;
      case 'finish':
        this.#reason = event.reason;
    }
  }

  #think(text: string): void {
    if (text === '') return;
    const last = this.#blocks.at(-1);
    (last instanceof ThinkingBlock ? last : this.#append(new ThinkingBlock(this.#hidesThinking))).push(text);
  }

  #show(text: string): void {
    if (text === '') return;
    const last = this.#blocks.at(-1);
    (last instanceof TextBlock ? last : this.#append(new TextBlock())).push(text);
  }

  #append<T extends Block>(block: T): T {
    this.#blocks.push(block);
    return block;
  }

  #start(): string {
    if (this.#hasStarted) return '';
    this.#hasStarted = true;
    const message = this.#message({ content: [], stop_reason: null, stop_sequence: null, usage: usageFields() });
    return messageEvent('message_start', { message }) + pingEvent;
  }

  /** Closes what is whole and has a follower, and writes on in the block that is open then. */
  #write(): string {
    let text = '';
    let block = this.#blocks[this.#open];
    while (block !== undefined) {
      text += block.write(this.#open);
      if (this.#open === this.#blocks.length - 1 || !block.isWhole) break;
      text += block.close(this.#open);
      block = this.#blocks[++this.#open];
    }
    return text;
  }

  #closeAll(): string {
    this.#show(this.#stops.flush());
    let text = '';
    for (; this.#open < this.#blocks.length; this.#open++) text += this.#blocks[this.#open]?.close(this.#open) ?? '';
    return text;
  }

  #message(fields: JsonObject): JsonObject {
    const { requestId, model } = this.#facts;
    return { id: `msg_${requestId.replace(/^req_/, '')}`, type: 'message', role: 'assistant', model, ...fields };
  }

  get #stopReason(): string {
    if (this.isOver) return 'stop_sequence';
    if (this.#isRefused || this.#reason === 'content_filter') return 'refusal';
    const calls = [...this.#calls.values()];
    // Nobody may run a call whose arguments broke off, whatever reason the upstream gave (openclaw #155457).
    // Without a reason nothing came at all, which is what a probe for one token gets.
    if (this.#reason === undefined || this.#reason === 'length' || calls.some(({ isTruncated }) => isTruncated))
      return 'max_tokens';
    return calls.length > 0 ? 'tool_use' : 'end_turn';
  }

  get #usageFields(): JsonObject {
    return usageFields(this.#usage);
  }
}

/** Anthropic counts what the cache read and wrote beside the input, not within it. */
export function usageFields(usage?: Usage): JsonObject {
  const { inputTokens = 0, outputTokens = 0, cachedTokens = 0, cacheWriteTokens = 0 } = usage ?? {};
  return {
    input_tokens: Math.max(0, inputTokens - cachedTokens - cacheWriteTokens),
    cache_creation_input_tokens: cacheWriteTokens,
    cache_read_input_tokens: cachedTokens,
    output_tokens: outputTokens,
  };
}
