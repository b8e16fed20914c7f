import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, objectField, objectItems, parseJson, stringField } from '../core/json.ts';
import { parseSseEvent } from '../wire/sse.ts';
import { mayBecomeCall, type OfferedTools, readLeakedCall } from './chat-leaked-call.ts';
import { encodeChoice, encodeDelta, textApart } from './chat-text-apart.ts';

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
  isOver?(): boolean;
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
  /** Who speaks, while the chunk that said so is held back. */
  let role: unknown;

  const take = (): readonly Buffer[] => {
    const taken = held;
    held = [];
    pieces = [];
    heldLength = 0;
    heldBytes = 0;
    tail = '';
    closing = undefined;
    role = undefined;
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
    const spokenBy = role === undefined ? {} : { role };
    take();
    hasCalls = true;
    const before = text.slice(0, start);
    awaitsClosing = call.startsWith('<function=');
    const toolCall = { id: `call_${randomUUID()}`, type: 'function', function: read };
    const deltas = [...(before.trim() === '' ? [] : [{ content: before }]), { tool_calls: [toolCall] }];
    return [
      ...deltas.map((delta, index) => encodeDelta(chunk, index === 0 ? { ...spokenBy, ...delta } : delta)),
      ...goOn(chunk, call.slice(end)),
    ];
  };
  const goOn = (chunk: JsonObject, rest: string): readonly Buffer[] => {
    if (rest.trim() === '') return [];
    hold(encodeDelta(chunk, { content: rest }), rest);
    return settle(chunk);
  };

  /** Agents end their turn on "stop", whatever calls came. */
  const ended = (event: Buffer, chunk: JsonObject, choice: JsonObject): Buffer =>
    hasCalls && choice.finish_reason === 'stop'
      ? encodeChoice(chunk, { ...choice, finish_reason: 'tool_calls' })
      : event;

  const push = (event: Buffer): readonly Buffer[] => {
    if (held.length === 0 && !hasCalls && event.indexOf('<') === -1) return [event];
    const chunk = parseJson(parseSseEvent(event).data);
    const choices = isJsonObject(chunk) ? objectItems(chunk, 'choices') : [];
    const [choice] = choices;
    if (!isJsonObject(chunk) || choice === undefined || choices.length > 1) return [...take(), event];
    const delta = objectField(choice, 'delta') ?? {};
    const text = stringField(delta, 'content');
    const isEnd = stringField(choice, 'finish_reason') !== undefined;
    if (isEnd || Array.isArray(delta.tool_calls)) {
      if (text === undefined) return [...take(), ended(event, chunk, choice)];
      const { said, rest } = textApart(chunk, choice, delta);
      const before = [...push(said), ...take()];
      return before.at(-1) === said
        ? [...before.slice(0, -1), ended(event, chunk, choice)]
        : [...before, ended(encodeChoice(chunk, rest), chunk, rest)];
    }
    if (text === undefined) {
      if (stringField(delta, 'reasoning_content') !== undefined) return [...take(), event];
      if (held.length === 0) return [event];
    }
    role ??= delta.role;
    hold(event, text ?? '');
    return settle(chunk);
  };

  return { push, flush: () => take() };
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
