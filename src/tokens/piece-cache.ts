/** Remembers how many tokens pieces become. Of fixed size: a piece takes the place of another one of the same slot. */
export interface PieceCache {
  /** The count, or 0 when it is not known. */
  get(bytes: Uint8Array, start: number, end: number, hash: number): number;
  set(bytes: Uint8Array, start: number, end: number, hash: number, count: number): void;
}

const slots = 1 << 13;
const longestPiece = 64;

export function createPieceCache(): PieceCache {
  const pieces = new Uint8Array(slots * longestPiece);
  const lengths = new Uint8Array(slots);
  const counts = new Uint8Array(slots);
  return {
    get(bytes, start, end, hash) {
      const slot = hash & (slots - 1);
      const length = end - start;
      if (lengths[slot] !== length) return 0;
      const offset = slot * longestPiece;
      for (let index = 0; index < length; index++) if (pieces[offset + index] !== bytes[start + index]) return 0;
      return counts[slot] ?? 0;
    },
    set(bytes, start, end, hash, count) {
      if (end - start > longestPiece) return;
      const slot = hash & (slots - 1);
      const offset = slot * longestPiece;
      for (let index = start; index < end; index++) pieces[offset + index - start] = bytes[index] ?? 0;
      lengths[slot] = end - start;
      counts[slot] = count;
    },
  };
}
