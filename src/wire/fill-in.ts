/** A text with a gap: what stands before the cursor, and what after it. */
export interface FillIn {
  readonly prefix: string;
  /** Absent: the text is to be continued. */
  readonly suffix?: string;
  /** The whole prompt, where the client wrote it in Qwen-Coder's own marks. */
  readonly written?: string;
}

const qwen = { prefix: '<|fim_prefix|>', suffix: '<|fim_suffix|>', middle: '<|fim_middle|>' };
/** Editors send these to models they do not know. */
const starCoder = { prefix: '<fim_prefix>', suffix: '<fim_suffix>', middle: '<fim_middle>' };

/**
 * Takes a prompt apart that holds the marks of a fill-in template already: Continue and others write them themselves. Text
 * before the first mark, such as other files of the repository, belongs to the prefix. `undefined`: there are no marks.
 */
export function decodeFillInPrompt(prompt: string): FillIn | undefined {
  for (const marks of [qwen, starCoder]) {
    const start = prompt.indexOf(marks.prefix);
    const gap = prompt.indexOf(marks.suffix, start);
    if (start === -1 || gap === -1) continue;
    const rest = prompt.slice(gap + marks.suffix.length);
    const end = rest.lastIndexOf(marks.middle);
    const suffix = end === -1 ? rest : rest.slice(0, end);
    return {
      prefix: prompt.slice(0, start) + prompt.slice(start + marks.prefix.length, gap),
      ...(suffix !== '' && { suffix }),
      ...(marks === qwen && { written: prompt }),
    };
  }
  return undefined;
}

/** Qwen-Coder's prompt for a gap, and for a text without an end ("Completions API" page of Model Studio). */
export function encodeFillInPrompt({ prefix, suffix, written }: FillIn): string {
  if (written !== undefined) return written;
  const open = `${qwen.prefix}${prefix}${qwen.suffix}`;
  return suffix === undefined || suffix === '' ? open : `${open}${suffix}${qwen.middle}`;
}
