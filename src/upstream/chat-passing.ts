import { type ChunkMould, chunkEnd, mouldOf } from '../wire/chunk-mould.ts';
import { eventEnd } from '../wire/sse-blocks.ts';
import { type ChatEventMeaning, isPlainChunk, readChatEvent } from './chat-events.ts';

/** What of an answer's events goes to whom, and as what. */
export interface ChatPassOptions {
  /** With the event that is nothing but usage. */
  readonly includeUsage: boolean;
  /** Chunks of text alone may come many in one piece. Asked for every read. */
  readonly mayJoin?: () => boolean;
  /** What becomes of each event. */
  readonly edit?: (event: Buffer) => Buffer;
  /** What becomes of chunks that add text and nothing else; `edit` unless told. */
  readonly editText?: (event: Buffer) => Buffer;
}

/** The same for what is written as it comes. */
export interface ChatFlowOptions extends ChatPassOptions {
  /** The client has all that it wants: the rest is given up, and how the answer would have ended is nobody's concern. */
  readonly isEnough?: () => boolean;
}

/** What goes to the client of one block: everything before the event that is an error, which came too. */
export interface PassedEvents {
  readonly events: readonly Buffer[];
  readonly error?: unknown;
}

export interface ChatPasserOptions extends ChatPassOptions {
  /** Told what every event means that is no plain chunk. @throws for an error. */
  readonly note: (meaning: ChatEventMeaning) => void;
  /** The stream's `[DONE]` has come: what stands behind it is nothing. */
  readonly isDone: () => boolean;
}

/** Chooses the bytes that are passed on, block by block. */
export interface ChatPasser {
  passed(block: Buffer): PassedEvents;
  /** A block of text alone as one piece, where it may be; `undefined` where it takes a closer look. */
  passedWhole(block: Buffer): Buffer | undefined;
}

/** A hot path: parses next to none of the events. */
export function createChatPasser(options: ChatPasserOptions): ChatPasser {
  const { includeUsage, note, isDone, mayJoin = () => false, edit = (event) => event } = options;
  const { editText = edit } = options;
  const isWanted = (event: Buffer): boolean => {
    const meaning = readChatEvent(event);
    note(meaning);
    return !meaning.done && (includeUsage || !meaning.usageOnly);
  };
  let mould: ChunkMould | undefined;
  return {
    passedWhole(block) {
      if (mould === undefined || isDone() || !mayJoin()) return undefined;
      const text = block.toString('latin1');
      for (let at = 0; at < text.length; ) {
        at = chunkEnd(mould, text, at);
        if (at === -1) return undefined;
      }
      return editText(block);
    },
    passed(block) {
      const events: Buffer[] = [];
      const text = block.toString('latin1');
      const isJoining = mayJoin();
      try {
        for (let at = 0; at < block.length && !isDone(); ) {
          const start = at;
          if (mould !== undefined)
            for (let end = chunkEnd(mould, text, at); end !== -1; end = isJoining ? chunkEnd(mould, text, at) : -1)
              at = end;
          const isKnown = at > start;
          if (!isKnown) at = eventEnd(block, start);
          const event = block.subarray(start, at);
          const isPlain = isKnown || isPlainChunk(event);
          if (isPlain || (!isBlank(event) && isWanted(event))) events.push(isKnown ? editText(event) : edit(event));
          if (isPlain && !isKnown) mould = mouldOf(text.slice(start, at)) ?? mould;
        }
      } catch (error) {
        return { events, error };
      }
      return { events };
    },
  };
}

/** A blank line with nothing before it separates nothing. */
export const isBlank = (event: Buffer): boolean => event.length <= 2;
