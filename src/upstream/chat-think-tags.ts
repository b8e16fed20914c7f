import { isJsonObject, type JsonObject, objectField, objectItems, parseJson, stringField } from '../core/json.ts';
import { parseSseEvent } from '../wire/sse.ts';
import type { LeakEditor } from './chat-leaks.ts';
import { encodeChoice, encodeDelta, textApart } from './chat-text-apart.ts';

const opening = '<think>';
const closing = '</think>';
const nullContent = Buffer.from('"content":null');

/**
 * Moves thinking that a model wrote into its text to where thinking belongs: a text that begins with `<think>` is
 * reasoning up to `</think>`, and a `</think>` that stands alone at the beginning goes (qwen-code's tag filters). Tags
 * anywhere else are text: a model may well speak about them. Other events keep their bytes.
 */
export function createThinkTagEditor(): LeakEditor {
  /** `begin` until the first signs of text are known, `inside` until the closing tag, `after` while blanks follow it. */
  let state: 'begin' | 'inside' | 'after' | 'over' = 'begin';
  let heldEvents: Buffer[] = [];
  let held = '';
  const textEvents = new WeakSet<Buffer>();
  /** Who speaks, while the chunk that said so is held back. */
  let role: unknown;

  const withDelta = (chunk: JsonObject, delta: JsonObject): Buffer => {
    const said = role === undefined ? delta : { role, ...delta };
    role = undefined;
    return encodeDelta(chunk, said);
  };
  const letGo = (): readonly Buffer[] => {
    const events = heldEvents;
    heldEvents = [];
    held = '';
    return events;
  };
  /** The first text is being looked at: it may be a tag that comes in pieces. */
  const begin = (event: Buffer, chunk: JsonObject, text: string): readonly Buffer[] => {
    held += text;
    heldEvents.push(event);
    textEvents.add(event);
    const start = held.trimStart();
    if ([opening, closing].some((tag) => tag.startsWith(start) && tag !== start)) return [];
    const tag = [opening, closing].find((each) => start.startsWith(each));
    if (tag === undefined) {
      state = 'over';
      return letGo();
    }
    // What came between the pieces of a tag stays.
    const others = letGo().filter((each) => !textEvents.has(each));
    state = tag === opening ? 'inside' : 'after';
    return [...others, ...goOn(chunk, start.slice(tag.length))];
  };
  const goOn = (chunk: JsonObject, text: string): readonly Buffer[] => {
    if (state === 'inside') return inside(chunk, text);
    const rest = text.trimStart();
    if (rest === '') return [];
    state = 'over';
    return [withDelta(chunk, { content: rest })];
  };
  const inside = (chunk: JsonObject, text: string): readonly Buffer[] => {
    held += text;
    const end = held.indexOf(closing);
    if (end === -1) {
      const safe = held.length - tagBeginning(held);
      const reasoning = held.slice(0, safe);
      held = held.slice(safe);
      return reasoning === '' ? [] : [withDelta(chunk, { content: null, reasoning_content: reasoning })];
    }
    const reasoning = held.slice(0, end);
    const rest = held.slice(end + closing.length);
    held = '';
    state = 'after';
    return [
      ...(reasoning === '' ? [] : [withDelta(chunk, { content: null, reasoning_content: reasoning })]),
      ...goOn(chunk, rest),
    ];
  };
  /** What is held when the text ends without the sign that was waited for. */
  const flush = (chunk?: JsonObject): readonly Buffer[] => {
    if (state === 'inside' && held !== '' && chunk !== undefined) {
      const reasoning = held;
      held = '';
      return [withDelta(chunk, { content: null, reasoning_content: reasoning })];
    }
    return letGo();
  };

  const push = (event: Buffer): readonly Buffer[] => {
    if (state === 'over') return [event];
    // Long thinking of sound models comes in chunks whose content is null; they need no reading.
    if (heldEvents.length === 0 && state === 'begin' && event.indexOf(nullContent) !== -1) return [event];
    const chunk = parseJson(parseSseEvent(event).data);
    const choices = isJsonObject(chunk) ? objectItems(chunk, 'choices') : [];
    const [choice] = choices;
    if (!isJsonObject(chunk) || choice === undefined) return [event];
    const delta = objectField(choice, 'delta') ?? {};
    const text = choices.length > 1 ? undefined : stringField(delta, 'content');
    const endsText = choices.length > 1 || stringField(choice, 'finish_reason') !== undefined || 'tool_calls' in delta;
    if (endsText && text === undefined) {
      const before = flush(chunk);
      state = 'over';
      return [...before, event];
    }
    if (endsText) {
      const { said, rest } = textApart(chunk, choice, delta);
      const before = [...push(said), ...flush(chunk)];
      state = 'over';
      // Text that is none of ours keeps its bytes.
      return before.at(-1) === said ? [...before.slice(0, -1), event] : [...before, encodeChoice(chunk, rest)];
    }
    if (text !== undefined) {
      role ??= delta.role;
      return state === 'begin' ? begin(event, chunk, text) : goOn(chunk, text);
    }
    if (heldEvents.length === 0) return [event];
    heldEvents.push(event);
    return [];
  };

  return {
    push,
    flush: () => flush(),
    isOver: () => state === 'over',
  };
}

/** How much of the end may be the beginning of the closing tag. */
function tagBeginning(text: string): number {
  for (let length = Math.min(closing.length - 1, text.length); length > 0; length--)
    if (closing.startsWith(text.slice(-length))) return length;
  return 0;
}
