/**
 * Finds the first stop sequence in text that comes in pieces. Qwen ends an answer at one too, but does not say at which and
 * cuts it off, so that nobody could tell it from an end of the answer's own.
 */
export class StopScanner {
  readonly #stops: readonly string[];
  readonly #longest: number;
  #held = '';
  #found: string | undefined;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
    this.#longest = Math.max(0, ...stops.map((stop) => stop.length));
  }

  /** The sequence that ended the answer. */
  get found(): string | undefined {
    return this.#found;
  }

  /** Takes the next piece and returns what may be shown: what could begin a sequence is held back. */
  push(piece: string): string {
    if (this.#found !== undefined) return '';
    if (this.#longest === 0) return piece;
    const text = this.#held + piece;
    const [first] = this.#stops
      .map((stop) => ({ stop, at: text.indexOf(stop) }))
      .filter(({ at }) => at !== -1)
      .toSorted((a, b) => a.at - b.at || b.stop.length - a.stop.length);
    if (first !== undefined) {
      this.#found = first.stop;
      this.#held = '';
      return text.slice(0, first.at);
    }
    const shown = text.length - this.#heldLength(text);
    this.#held = text.slice(shown);
    return text.slice(0, shown);
  }

  /** What was held back and turned out to be no sequence. */
  flush(): string {
    const held = this.#held;
    this.#held = '';
    return held;
  }

  #heldLength(text: string): number {
    for (let length = Math.min(this.#longest - 1, text.length); length > 0; length--) {
      const tail = text.slice(-length);
      if (this.#stops.some((stop) => stop.startsWith(tail))) return length;
    }
    return 0;
  }
}
