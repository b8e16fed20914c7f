/** Parts at least this long are kept as they come, with the memory they lie in. */
const longPartBytes = 16 * 1024;
const blockBytes = 64 * 1024;

/** A body as it comes, in no more memory than about its length. */
export interface ByteCollector {
  add(part: Buffer): void;
  /** Everything that was added. */
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
      return blocks.length === 1 && only !== undefined ? only : Buffer.concat(blocks);
    },
    countBlocks: () => blocks.length + (open === undefined ? 0 : 1),
  };
}
