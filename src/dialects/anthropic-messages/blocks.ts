import { isJsonObject, type JsonObject, parseJson } from '../../core/json.ts';
import { messageEvent } from '../../wire/anthropic-messages.ts';
import { signTranslated } from '../../wire/thinking-signature.ts';

/** One content block of an answer, with all that has come of it. */
export abstract class Block {
  protected readonly pieces: string[] = [];
  #sent = 0;
  #isOpen = false;

  push(piece: string): void {
    if (piece !== '') this.pieces.push(piece);
  }

  get text(): string {
    return this.pieces.join('');
  }

  /** What of the block has not been written yet. */
  write(index: number): string {
    const start = this.#isOpen ? '' : messageEvent('content_block_start', { index, content_block: this.start });
    this.#isOpen = true;
    const fresh = this.pieces.slice(this.#sent).join('');
    this.#sent = this.pieces.length;
    return fresh === '' ? start : start + this.writeDelta(index, this.delta(fresh));
  }

  /** The block's end; nothing may be written to it afterwards. */
  close(index: number): string {
    const last = this.lastDelta();
    return this.write(index) + this.writeDelta(index, last) + messageEvent('content_block_stop', { index });
  }

  /** All of it is here, as far as can be told while the answer goes on. */
  abstract get isWhole(): boolean;
  /** The block as it stands in a whole message; `undefined` where it must not be acted on. */
  abstract get document(): JsonObject | undefined;
  protected abstract readonly start: JsonObject;
  protected abstract delta(text: string): JsonObject | undefined;
  protected lastDelta(): JsonObject | undefined {
    return undefined;
  }

  protected writeDelta(index: number, delta: JsonObject | undefined): string {
    return delta === undefined ? '' : messageEvent('content_block_delta', { index, delta });
  }
}

/** Visible text. */
export class TextBlock extends Block {
  // Whatever comes next ends it.
  readonly isWhole = true;
  protected readonly start = { type: 'text', text: '' };

  get document(): JsonObject {
    return { type: 'text', text: this.text };
  }
  protected delta(text: string): JsonObject {
    return { type: 'text_delta', text };
  }
}

/** Thinking, which ends with its signature. Hidden, the signature is all that the client gets. */
export class ThinkingBlock extends Block {
  readonly isWhole = true;
  protected readonly start = { type: 'thinking', thinking: '', signature: '' };
  readonly #isHidden: boolean;

  constructor(isHidden: boolean) {
    super();
    this.#isHidden = isHidden;
  }

  get document(): JsonObject {
    return { type: 'thinking', thinking: this.#isHidden ? '' : this.text, signature: this.#signature };
  }
  protected delta(thinking: string): JsonObject | undefined {
    return this.#isHidden ? undefined : { type: 'thinking_delta', thinking };
  }
  protected override lastDelta(): JsonObject {
    return { type: 'signature_delta', signature: this.#signature };
  }
  get #signature(): string {
    return signTranslated(this.#isHidden ? this.text : '');
  }
}

/** A tool call. Its arguments are an object, so a whole one can be told from a part. */
export class ToolUseBlock extends Block {
  readonly id: string;
  readonly name: string;
  #known: { readonly pieces: number; readonly input: JsonObject | undefined } = { pieces: 0, input: undefined };

  constructor(id: string, name: string) {
    super();
    this.id = id;
    this.name = name;
  }

  protected get start(): JsonObject {
    return { type: 'tool_use', id: this.id, name: this.name, input: {} };
  }
  protected delta(text: string): JsonObject {
    return { type: 'input_json_delta', partial_json: text };
  }
  protected override lastDelta(): JsonObject | undefined {
    return this.pieces.length === 0 ? this.delta('{}') : undefined;
  }

  get isWhole(): boolean {
    return this.#input !== undefined;
  }
  /** The answer ended within the arguments. */
  get isTruncated(): boolean {
    return this.pieces.length > 0 && this.text.trim() !== '' && parseJson(this.text) === undefined;
  }
  get document(): JsonObject | undefined {
    if (this.isTruncated) return undefined;
    return { type: 'tool_use', id: this.id, name: this.name, input: this.#input ?? {} };
  }

  get #input(): JsonObject | undefined {
    if (this.#known.pieces === this.pieces.length) return this.#known.input;
    // A look at all of it costs a parse, so the last sign decides whether it is worth one.
    const isClosed = this.pieces.at(-1)?.trimEnd().endsWith('}') === true;
    const parsed = isClosed ? parseJson(this.text) : undefined;
    this.#known = { pieces: this.pieces.length, input: isJsonObject(parsed) ? parsed : undefined };
    return this.#known.input;
  }
}
