import type { Vocabulary } from './vocabulary.ts';

/** Byte-pair merging of long pieces. */
export interface MergeQueue {
  merge(bytes: Uint8Array, start: number, end: number): number;
  readonly tokens: Int32Array;
}

const nobody = -1;

/** What is known of a place: its token, its neighbours in the piece, */
const ownToken = 0;
const next = 1;
const previous = 2;
/** the token that it makes with the next one, and its neighbours in the list of the places that make the same. */
const makes = 3;
const listNext = 4;
const listPrevious = 5;
const stride = 8;

/**
 * Merges through one list of places a rank. A merge makes only pairs of higher rank than its own, because a token's id is
 * above those of its parts; so the ranks are gone through once, upwards, and no heap is needed: the work is linear in the
 * bytes of the piece.
 */
export function createMergeQueue({ size, byteTokens, bytePairs, merge: mergeOf }: Vocabulary): MergeQueue {
  /** The first place whose pair makes this token. */
  const heads = new Int32Array(size).fill(nobody);
  /** Which ranks have places: one bit each, and one bit for every 32 of those. */
  const ranks = new Int32Array((size >> 5) + 1);
  const groups = new Int32Array((size >> 10) + 1);

  /** A place is the index of a byte times `stride`. What belongs to one lies together, for the sake of the processor's cache. */
  let places = new Int32Array(0);
  let tokens = new Int32Array(0);

  function reserve(length: number): void {
    if (length <= tokens.length) return;
    const capacity = 2 ** Math.ceil(Math.log2(length));
    places = new Int32Array(capacity * stride);
    tokens = new Int32Array(capacity);
  }

  function enqueue(place: number, token: number): void {
    places[place + makes] = token;
    if (token === nobody) return;
    const head = heads[token] ?? nobody;
    if (head === nobody) {
      ranks[token >> 5] = (ranks[token >> 5] ?? 0) | (1 << (token & 31));
      groups[token >> 10] = (groups[token >> 10] ?? 0) | (1 << ((token >> 5) & 31));
    } else places[head + listPrevious] = place;
    places[place + listNext] = head;
    places[place + listPrevious] = nobody;
    heads[token] = place;
  }

  function dequeue(place: number): void {
    const token = places[place + makes] ?? nobody;
    if (token === nobody) return;
    const before = places[place + listPrevious] ?? nobody;
    const behind = places[place + listNext] ?? nobody;
    if (before === nobody) heads[token] = behind;
    else places[before + listNext] = behind;
    if (behind !== nobody) places[behind + listPrevious] = before;
    places[place + makes] = nobody;
  }

  /** The lowest rank from `from` on that was given a place and not gone through yet, or -1. */
  function takeRank(from: number): number {
    for (let group = from >> 10; group < groups.length; group++) {
      for (let bits = groups[group] ?? 0; bits !== 0; bits = groups[group] ?? 0) {
        const word = (group << 5) | lowestBit(bits);
        const ranked = ranks[word] ?? 0;
        if (ranked === 0) {
          groups[group] = bits & (bits - 1);
          continue;
        }
        ranks[word] = ranked & (ranked - 1);
        return (word << 5) | lowestBit(ranked);
      }
    }
    return nobody;
  }

  /** Makes one token of the pair at a place, which stands in no list any more. */
  function mergeAt(place: number, token: number): void {
    const right = places[place + next] ?? nobody;
    dequeue(place);
    dequeue(right);
    const behind = places[right + next] ?? nobody;
    places[place + ownToken] = token;
    places[place + next] = behind;
    if (behind !== nobody) {
      places[behind + previous] = place;
      enqueue(place, mergeOf(token, places[behind + ownToken] ?? nobody));
    }
    const before = places[place + previous] ?? nobody;
    if (before === nobody) return;
    dequeue(before);
    enqueue(before, mergeOf(places[before + ownToken] ?? nobody, token));
  }

  /** Places of one rank overlap only in runs of one token, and there the leftmost pair goes first. */
  function runStart(place: number, token: number): number {
    let start = place;
    for (let before = places[start + previous] ?? nobody; before !== nobody && places[before + makes] === token; ) {
      start = before;
      before = places[start + previous] ?? nobody;
    }
    return start;
  }

  function mergeRank(token: number): void {
    for (let place = heads[token] ?? nobody; place !== nobody; place = heads[token] ?? nobody) {
      let left = runStart(place, token);
      while (left !== nobody && places[left + makes] === token) {
        mergeAt(left, token);
        left = places[left + next] ?? nobody;
      }
    }
  }

  return {
    merge(bytes, start, end) {
      const length = end - start;
      reserve(length);
      let follower = nobody;
      for (let index = length - 1; index >= 0; index--) {
        const place = index * stride;
        const byte = bytes[start + index] ?? 0;
        places[place + ownToken] = byteTokens[byte] ?? 0;
        places[place + next] = follower;
        places[place + previous] = index === 0 ? nobody : place - stride;
        enqueue(
          place,
          follower === nobody ? nobody : (bytePairs[(byte << 8) | (bytes[start + index + 1] ?? 0)] ?? nobody),
        );
        follower = place;
      }
      for (let token = takeRank(0); token !== nobody; token = takeRank(token)) mergeRank(token);
      let count = 0;
      for (let place = 0; place !== nobody; place = places[place + next] ?? nobody) {
        tokens[count++] = places[place + ownToken] ?? 0;
      }
      return count;
    },
    get tokens() {
      return tokens;
    },
  };
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
