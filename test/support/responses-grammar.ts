import assert from 'node:assert/strict';

export type ResponseEvent = Readonly<Record<string, unknown>> & { readonly type: string };

interface Item {
  readonly id: string;
  readonly type: string;
  text: string;
  isDone: boolean;
  openParts: number;
}

/** Deltas, by the event that ends what they add up to, and the field of it that repeats the whole. */
const endings: Readonly<Record<string, { readonly done: string; readonly field: string }>> = {
  'response.output_text.delta': { done: 'response.output_text.done', field: 'text' },
  'response.refusal.delta': { done: 'response.refusal.done', field: 'refusal' },
  'response.reasoning_summary_text.delta': { done: 'response.reasoning_summary_text.done', field: 'text' },
  'response.function_call_arguments.delta': { done: 'response.function_call_arguments.done', field: 'arguments' },
  'response.custom_tool_call_input.delta': { done: 'response.custom_tool_call_input.done', field: 'input' },
};
const fieldOfDone = new Map(Object.values(endings).map(({ done, field }) => [done, field]));
const terminals = new Set(['response.completed', 'response.incomplete', 'response.failed']);

const objectOf = (value: unknown): Readonly<Record<string, unknown>> => {
  assert.ok(typeof value === 'object' && value !== null, `not an object: ${JSON.stringify(value)}`);
  return value as Readonly<Record<string, unknown>>;
};

/**
 * Checks a whole Responses stream: sequence numbers without a gap, created first, items in indexes of their own that begin
 * and end once, deltas that add up to what their done event says, and one terminal event that repeats every item.
 */
export function checkResponsesGrammar(events: readonly ResponseEvent[]): Readonly<Record<string, unknown>> {
  assert.ok(events.length >= 2, 'a stream has a beginning and an end');
  assert.deepEqual(
    events.map((event) => event.sequence_number),
    events.map((_, index) => index),
  );
  assert.equal(events[0]?.type, 'response.created');
  const last = events.at(-1);
  assert.ok(last !== undefined && terminals.has(last.type), `ends with ${last?.type}`);
  assert.equal(events.filter((event) => terminals.has(event.type)).length, 1, 'one terminal event');
  const items: Item[] = [];
  const done: unknown[] = [];
  for (const event of events.slice(1, -1)) step(event, items, done);
  const response = objectOf(last.response);
  assert.equal(response.id, objectOf(events[0]?.response).id, 'one id');
  if (last.type === 'response.failed') {
    assert.equal(response.status, 'failed');
    const error = objectOf(response.error);
    assert.ok(typeof error.code === 'string' && typeof error.message === 'string');
    return response;
  }
  assert.ok(
    items.every((item) => item.isDone),
    'every item has ended',
  );
  assert.deepEqual(response.output, done, 'the terminal event repeats the items');
  assert.equal(response.status, last.type.replace('response.', ''));
  const usage = objectOf(response.usage);
  for (const field of ['input_tokens', 'output_tokens', 'total_tokens']) assert.equal(typeof usage[field], 'number');
  assert.equal(typeof objectOf(usage.input_tokens_details).cached_tokens, 'number');
  assert.equal(typeof objectOf(usage.output_tokens_details).reasoning_tokens, 'number');
  return response;
}

function step(event: ResponseEvent, items: Item[], done: unknown[]): void {
  if (event.type === 'response.in_progress') return;
  const index = event.output_index;
  assert.ok(typeof index === 'number', `${event.type} has an output index`);
  if (event.type === 'response.output_item.added') {
    assert.equal(index, items.length, 'the next index');
    const { id, type } = objectOf(event.item);
    assert.ok(typeof id === 'string' && !items.some((item) => item.id === id), 'an id of its own');
    items.push({ id, type: String(type), text: '', isDone: false, openParts: 0 });
    return;
  }
  const item = items[index];
  assert.ok(item !== undefined && !item.isDone, `${event.type} belongs to an open item`);
  if (event.type === 'response.output_item.done') {
    assert.equal(objectOf(event.item).id, item.id);
    assert.equal(item.openParts, 0, 'all parts have ended');
    item.isDone = true;
    done[index] = event.item;
    return;
  }
  assert.equal(event.item_id, item.id);
  if (/part\.added$/.test(event.type)) item.openParts++;
  else if (/part\.done$/.test(event.type)) item.openParts--;
  else if (endings[event.type] !== undefined) {
    assert.ok(typeof event.delta === 'string' && event.delta !== '', 'a delta says something');
    item.text += event.delta;
  } else {
    const field = fieldOfDone.get(event.type);
    assert.ok(field !== undefined, `unknown event ${event.type}`);
    const whole = event[field];
    // A call with nothing to say is `{}`.
    if (!(item.text.trim() === '' && whole === '{}')) assert.equal(whole, item.text);
  }
  assert.ok(item.openParts >= 0 && item.openParts <= 1);
}

/** The data of a stream's events; `event:` lines have to say the same type. */
export function readResponsesStream(text: string): readonly ResponseEvent[] {
  assert.ok(!text.includes('[DONE]'), 'Responses have no [DONE]');
  return text
    .split('\n\n')
    .filter((block) => block !== '' && !block.startsWith(':'))
    .map((block) => {
      const [event, data] = block.split('\n');
      assert.ok(event !== undefined && data !== undefined, block);
      assert.match(block, /^event: ?\S+\ndata: ?\{/);
      const parsed = JSON.parse(data.slice(5)) as ResponseEvent;
      assert.equal(event.slice(6).trim(), parsed.type);
      return parsed;
    });
}
