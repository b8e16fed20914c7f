/**
 * Cuts a byte stream behind its last finished event: a block is all the events that have come, undivided. Work is linear in
 * the bytes, as with `SseSplitter`: only a new read is searched.
 */
export class SseBlocks {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** The last two bytes of what is pending: a blank line may be cut in two. */
  #tail: Buffer = Buffer.alloc(0);

  /** Bytes held back because their event is not finished. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Nothing is pending, and the next read ends with an event: it is a block by itself, and need not be pushed. */
  isBlock(read: Buffer): boolean {
    return this.#pendingBytes === 0 && read[read.length - 1] === LF && read[read.length - 2] === LF;
  }

  /** Takes the next read and returns the events that are finished, with those that began earlier in a block of their own. */
  push(read: Buffer): readonly Buffer[] {
    // Most reads are whole events.
    if (this.isBlock(read)) return [read];
    const across = Buffer.concat([this.#tail, read.subarray(0, 2)]);
    const acrossEnd = Math.max(0, blankLineEnd(across) - this.#tail.length);
    const end = Math.max(blankLineEnd(read), acrossEnd);
    const begun = this.#pendingBytes === 0 || end === 0 ? 0 : acrossEnd || eventEnd(read, 0);
    const blocks = [...(begun > 0 ? [this.#take(read.subarray(0, begun))] : []), read.subarray(begun, end)].filter(
      (block) => block.length > 0,
    );
    const rest = read.subarray(end);
    if (rest.length > 0) {
      this.#tail = Buffer.concat([this.#tail, rest.subarray(-2)]).subarray(-2);
      this.#pending.push(rest);
      this.#pendingBytes += rest.length;
    }
    return blocks;
  }

  /** What is left at the end of the stream: an event without its closing blank line, or nothing. */
  rest(): Buffer | undefined {
    return this.#pendingBytes === 0 ? undefined : this.#take(Buffer.alloc(0));
  }

  #take(last: Buffer): Buffer {
    const block = this.#pending.length === 0 ? last : Buffer.concat([...this.#pending, last]);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#tail = Buffer.alloc(0);
    return block;
  }
}

/** Where the last blank line ends, 0 where there is none. */
function blankLineEnd(bytes: Buffer): number {
  const plain = bytes.lastIndexOf('\n\n');
  const withReturn = bytes.lastIndexOf('\n\r\n');
  return Math.max(plain === -1 ? 0 : plain + 2, withReturn === -1 ? 0 : withReturn + 3);
}

/** Where the event that begins at `start` of a block ends, its blank line included. */
export function eventEnd(block: Buffer, start: number): number {
  for (let feed = block.indexOf(LF, start); feed !== -1; feed = block.indexOf(LF, feed + 1)) {
    if (block[feed + 1] === LF) return feed + 2;
    if (block[feed + 1] === CR && block[feed + 2] === LF) return feed + 3;
  }
  return block.length;
}

const LF = 0x0a;
const CR = 0x0d;
