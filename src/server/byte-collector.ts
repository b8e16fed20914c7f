import { giveBack } from '../core/json-source.ts';

/** Parts at least this long are kept as they come, with the memory they lie in. */
const longPartBytes = 16 * 1024;
const blockBytes = 64 * 1024;

/** A body as it comes, in no more memory than about its length. */
export interface ByteCollector {
  /** The part is the collector's from now on. */
  add(part: Buffer): void;
  /** Everything that was added, once. */
  all(): Buffer;
  /** Pieces of memory that it holds. */
  countBlocks(): number;
}

/**
 * Puts short parts together: a client may send a body byte by byte, and a buffer for each of them would take a hundred
 * times what the limit on its length counts.
 */
export function createByteCollector(): ByteCollector {
  const blocks: Buffer[] = [];
  /** The block that short parts go into, and how much of it is theirs. */
  let open: Buffer | undefined;
  let used = 0;
  const close = () => {
    if (open !== undefined) blocks.push(open.subarray(0, used));
    open = undefined;
    used = 0;
  };
  return {
    add(part) {
      // Most bodies are one part.
      if (part.length >= longPartBytes || (blocks.length === 0 && open === undefined)) {
        close();
        blocks.push(part);
        return;
      }
      let copied = 0;
      while (copied < part.length) {
        open ??= Buffer.allocUnsafeSlow(blockBytes);
        const length = part.copy(open, used, copied);
        copied += length;
        used += length;
        if (used === blockBytes) close();
      }
    },
    all() {
      close();
      const [only] = blocks;
      if (blocks.length === 1 && only !== undefined) return only;
      const whole = Buffer.concat(blocks);
      for (const block of blocks) giveBack(block);
      return whole;
    },
    countBlocks: () => blocks.length + (open === undefined ? 0 : 1),
  };
}
