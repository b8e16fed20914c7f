/** What an edge trimmer has to know of the request. */
export interface EdgeTrimmerOptions {
  /** The text before the cursor. */
  readonly prefix: string;
  /** The client's stop texts, which count from the trimmed answer on. */
  readonly stops: readonly string[];
}

/** Takes off what chat models put around a completion, as it streams by. */
export interface EdgeTrimmer {
  push(text: string): string;
  /** What was held back. */
  end(): string;
  /** A stop text of the client's was met; nothing comes after it. */
  isStopped(): boolean;
}

const fence = '```';
/** Longer than this the first line of an answer is no fence, and a prefix is not compared as a whole. */
const longestFenceLine = 80;
const longestPrefix = 4_000;
/** Fewer characters in common are chance. */
const leastEcho = 4;

/**
 * Chat models wrap code in a Markdown fence although they are told not to, and begin it with the line that is to be
 * completed. Both are recognised at the very start only; text is held no longer than it takes to tell.
 */
export function createEdgeTrimmer({ prefix, stops }: EdgeTrimmerOptions): EdgeTrimmer {
  const echoes = echoesOf(prefix);
  let phase: 'fence' | 'echo' | 'body' | 'over' = 'fence';
  let held = '';
  let isFenced = false;
  let isStopped = false;

  /** @returns false where more text is needed. */
  const passFence = (isEnd: boolean): boolean => {
    const line = /^\s*(`{1,2}$|```[^`\n]*(\n|$))|^\s*$/.exec(held);
    if (line === null) return true;
    const isWhole = line[2] === '\n' || (isEnd && line[1]?.startsWith(fence) === true);
    if (!isWhole) return isEnd || line[0].length > longestFenceLine;
    isFenced = true;
    held = held.slice(line[0].length);
    return true;
  };
  const passEcho = (isEnd: boolean): boolean => {
    if (!isEnd && echoes.some((echo) => echo.length > held.length && echo.startsWith(held))) return false;
    const echo = echoes.find((each) => held.startsWith(each));
    if (echo !== undefined) held = held.slice(echo.length);
    return true;
  };
  const passBody = (isEnd: boolean): string => {
    const ends = [...(isFenced ? [`\n${fence}`] : []), ...stops];
    const found = ends
      .map((end) => ({ end, at: held.indexOf(end) }))
      .filter(({ at }) => at !== -1)
      .toSorted((a, b) => a.at - b.at)[0];
    if (found !== undefined) {
      phase = 'over';
      isStopped = stops.includes(found.end);
      return held.slice(0, found.at);
    }
    const keep = isEnd ? 0 : longestBeginning(held, ends);
    const passed = held.slice(0, held.length - keep);
    held = held.slice(held.length - keep);
    return passed;
  };
  const advance = (isEnd: boolean): string => {
    if (phase === 'fence' && passFence(isEnd)) phase = 'echo';
    if (phase === 'echo' && isFenced) {
      // A fence that closes at once holds nothing.
      if (held.startsWith(fence)) phase = 'over';
      else if (!isEnd && fence.startsWith(held)) return '';
    }
    if (phase === 'echo' && passEcho(isEnd)) phase = 'body';
    return phase === 'body' ? passBody(isEnd) : '';
  };

  return {
    push(text) {
      if (phase === 'over') return '';
      held += text;
      return advance(false);
    },
    end: () => (phase === 'over' ? '' : advance(true)),
    isStopped: () => isStopped,
  };
}

/** What an answer may repeat of the text before the cursor, longest first. */
function echoesOf(prefix: string): readonly string[] {
  const lastLine = prefix.slice(prefix.lastIndexOf('\n') + 1);
  const isIndent = lastLine.trim() === '';
  const lineBefore = isIndent ? prefix.trimEnd().split('\n').at(-1) : undefined;
  const line = lineBefore === undefined ? lastLine : prefix.slice(prefix.lastIndexOf(lineBefore));
  const texts = [...(prefix.length <= longestPrefix ? [prefix] : []), line, lineBefore ? `${lineBefore}\n` : ''];
  const long = texts.flatMap((text) => [text, text.trimStart()]).filter((text) => text.trim().length >= leastEcho);
  // The indentation of the line is there already; models give it with the line.
  return [...new Set(isIndent && lastLine !== '' ? [...long, lastLine] : long)].toSorted((a, b) => b.length - a.length);
}

/** How many characters at the end of a text may be the beginning of one of the others. */
function longestBeginning(text: string, others: readonly string[]): number {
  const longest = Math.max(0, ...others.map((other) => other.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const tail = text.slice(text.length - length);
    if (others.some((other) => other.length > length && other.startsWith(tail))) return length;
  }
  return 0;
}
