import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, objectField, objectItems, parseJson, stringField } from '../core/json.ts';
import { parseSseEvent } from '../wire/sse.ts';
import { mayBecomeCall, type OfferedTools, readLeakedCall } from './chat-leaked-call.ts';

/** What takes more than this to hold goes out as text, whatever it looks like: each small piece comes in a large event. */
const maximumHeldBytes = 16 * 1024 * 1024;

/** What opens a call, and what closes it. */
const marks = [
  ['<tool_call>', '</tool_call>'],
  ['<function=', '</function>'],
] as const;

const wrapperClosing = '</tool_call>';

/** Events in, events out; some are held while they may be a call. */
export interface LeakEditor {
  push(event: Buffer): readonly Buffer[];
  /** What is held when the stream ends without a finish reason. */
  flush(): readonly Buffer[];
  /** From here on every event passes, and several may come in one piece. */
  readonly isOver?: boolean;
}

/**
 * Turns tool calls that a model wrote as text (qwen-code #8003, #10692) into calls, where the tool was offered. Events are
 * held from a mark on; what turns out to be text goes out as it came, byte for byte.
 */
export function createLeakEditor(tools: OfferedTools): LeakEditor {
  let held: Buffer[] = [];
  let pieces: string[] = [];
  let heldLength = 0;
  let heldBytes = 0;
  /** The last held text: enough to see a closing mark that is cut in two. */
  let tail = '';
  /** The mark that the held call waits for, once it has begun. */
  let closing: string | undefined;
  let hasCalls = false;
  /** A call came without its wrapper's opening: the closing one may still follow. */
  let awaitsClosing = false;

  const take = (): readonly Buffer[] => {
    const taken = held;
    held = [];
    pieces = [];
    heldLength = 0;
    heldBytes = 0;
    tail = '';
    closing = undefined;
    return taken;
  };
  const hold = (event: Buffer, text: string) => {
    held.push(event);
    pieces.push(text);
    heldLength += text.length;
    heldBytes += event.length;
    tail = (tail + text).slice(-64 - text.length);
  };

  /** What goes out after new text was held. */
  const settle = (chunk: JsonObject): readonly Buffer[] => {
    // Far behind a mark only the closing one matters, and a long call is not read again for every piece.
    if (heldBytes > maximumHeldBytes) return take();
    if (closing !== undefined && heldLength > 2_000 && !tail.includes(closing)) return [];
    const text = pieces.join('');
    if (awaitsClosing) {
      const rest = text.trimStart();
      if (wrapperClosing.startsWith(rest) && rest !== wrapperClosing) return [];
      awaitsClosing = false;
      if (rest.startsWith(wrapperClosing)) {
        take();
        return goOn(chunk, rest.slice(wrapperClosing.length));
      }
    }
    const start = firstMark(text);
    if (start === -1) return endsLikeMark(text) ? [] : take();
    const call = text.slice(start);
    if (!mayBecomeCall(call, tools)) return take();
    closing = marks.find(([opening]) => call.startsWith(opening))?.[1] ?? '';
    const close = call.indexOf(closing);
    if (close === -1) return [];
    const end = close + closing.length;
    const read = readLeakedCall(call.slice(0, end), tools);
    if (read === undefined) return take();
    take();
    hasCalls = true;
    const before = text.slice(0, start);
    awaitsClosing = call.startsWith('<function=');
    const toolCall = { id: `call_${randomUUID()}`, type: 'function', function: read };
    return [
      ...(before.trim() === '' ? [] : [withDelta(chunk, { content: before })]),
      withDelta(chunk, { tool_calls: [toolCall] }),
      ...goOn(chunk, call.slice(end)),
    ];
  };
  const goOn = (chunk: JsonObject, rest: string): readonly Buffer[] => {
    if (rest.trim() === '') return [];
    hold(withDelta(chunk, { content: rest }), rest);
    return settle(chunk);
  };

  return {
    push(event) {
      if (held.length === 0 && !hasCalls && event.indexOf('<') === -1) return [event];
      const chunk = parseJson(parseSseEvent(event).data);
      const choices = isJsonObject(chunk) ? objectItems(chunk, 'choices') : [];
      const [choice] = choices;
      if (!isJsonObject(chunk) || choice === undefined || choices.length > 1) return [...take(), event];
      const delta = objectField(choice, 'delta') ?? {};
      if (stringField(choice, 'finish_reason') !== undefined)
        return [...take(), hasCalls && choice.finish_reason === 'stop' ? withFinish(chunk, choice) : event];
      const text = stringField(delta, 'content');
      if (text === undefined) {
        if (stringField(delta, 'reasoning_content') !== undefined || Array.isArray(delta.tool_calls))
          return [...take(), event];
        if (held.length === 0) return [event];
      }
      hold(event, text ?? '');
      return settle(chunk);
    },
    flush: () => take(),
  };
}

function firstMark(text: string): number {
  const places = marks.map(([opening]) => text.indexOf(opening)).filter((place) => place !== -1);
  return places.length === 0 ? -1 : Math.min(...places);
}

/** The text may go on as a mark. */
function endsLikeMark(text: string): boolean {
  const last = text.lastIndexOf('<');
  return last !== -1 && marks.some(([opening]) => opening.startsWith(text.slice(last)));
}

function eventOf(chunk: JsonObject, choice: JsonObject): Buffer {
  return Buffer.from(`data: ${JSON.stringify({ ...chunk, choices: [choice] })}\n\n`);
}

const withDelta = (chunk: JsonObject, delta: JsonObject) => eventOf(chunk, { index: 0, delta, finish_reason: null });

/** Agents end their turn on "stop", whatever calls came. */
const withFinish = (chunk: JsonObject, choice: JsonObject) =>
  eventOf(chunk, { ...choice, finish_reason: 'tool_calls' });
