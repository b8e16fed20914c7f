/**
 * The arguments of one streamed tool call. Some servers behind Qwen's API repeat what they sent before, or send all of it
 * in every piece (QC streamingToolCallParser.ts, opencodex #361). A piece is cut only where it cannot be a continuation of
 * the JSON so far; in doubt it stays.
 */
export class ToolArguments {
  #text = '';
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #firstSign = '';
  #lastSign = '';
  #isCumulative = false;

  /** All of it has come: the outer object is closed. */
  get isComplete(): boolean {
    return this.#firstSign === '{' && this.#depth === 0;
  }

  /** Takes the next piece and returns what of it is new. */
  push(piece: string): string {
    const fresh = this.#freshOf(piece);
    this.#text += fresh;
    for (const sign of fresh) this.#scan(sign);
    return fresh;
  }

  #freshOf(piece: string): string {
    const isRepetition = this.isComplete ? piece.trim() !== '' : piece.startsWith('{');
    // The text is looked at as seldom as this: every look at a growing string costs a copy of it.
    if (this.#firstSign !== '{' || !isRepetition) return piece;
    const text = this.#text;
    if (this.isComplete && text.endsWith(piece)) return '';
    if (piece.length < text.length || !piece.startsWith(text)) return piece;
    // An object may begin after these: `{"a":` and `{"a":1}` may be pieces of `{"a":{"a":1}}`. And a brace may be in a
    // string that the piece ends: `{"` and `{":1}` are pieces of `{"{":1}`.
    const mayNest = this.#isInString ? /^\{\s*"\s*[:,}\]]/.test(piece) : [':', '[', ','].includes(this.#lastSign);
    if (mayNest && !this.#isCumulative) return piece;
    this.#isCumulative = true;
    return piece.slice(text.length);
  }

  #scan(sign: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#isInString) {
      if (sign === '\\') this.#isEscaped = true;
      else if (sign === '"') this.#isInString = false;
    } else if (sign === '"') this.#isInString = true;
    else if (sign === '{' || sign === '[') this.#depth++;
    else if (sign === '}' || sign === ']') this.#depth--;
    if (sign.trim() === '') return;
    if (this.#firstSign === '') this.#firstSign = sign;
    this.#lastSign = sign;
  }
}
