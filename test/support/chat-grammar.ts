import assert from 'node:assert/strict';

type Fields = Readonly<Record<string, unknown>>;

interface Call {
  readonly id: unknown;
  readonly name: unknown;
  arguments: string;
}

/** What one choice of a stream added up to. */
export interface StreamedChoice {
  text: string;
  reasoning: string;
  finish: unknown;
  readonly calls: Map<number, Call>;
}

const asFields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/**
 * Checks a Chat Completions stream as accumulators of clients read it: every event is one chunk, each call begins once with
 * an id and a name in an index of its own, later pieces of it name nothing new, a choice ends one way, and only usage follows.
 * https://platform.openai.com/docs/api-reference/chat-streaming
 */
export function checkChatGrammar(events: readonly (Buffer | string)[]): ReadonlyMap<number, StreamedChoice> {
  const choices = new Map<number, StreamedChoice>();
  for (const event of events) {
    const text = event.toString();
    assert.match(text, /^data: ?\{.*\}\r?\n\r?\n$/, 'one chunk an event');
    const chunk = asFields(JSON.parse(text.slice(5)));
    assert.ok(Array.isArray(chunk.choices), 'a chunk has choices');
    for (const each of chunk.choices) {
      const choice = asFields(each);
      const index = Number(choice.index ?? 0);
      const known = choices.get(index) ?? { text: '', reasoning: '', finish: null, calls: new Map<number, Call>() };
      choices.set(index, known);
      const delta = asFields(choice.delta);
      const said = [delta.content, delta.reasoning_content, delta.tool_calls].some(
        (value) => (typeof value === 'string' || Array.isArray(value)) && value.length > 0,
      );
      assert.ok(!said || known.finish === null, 'nothing is said after the end');
      if (typeof delta.content === 'string') known.text += delta.content;
      if (typeof delta.reasoning_content === 'string') known.reasoning += delta.reasoning_content;
      for (const piece of Array.isArray(delta.tool_calls) ? delta.tool_calls : [])
        stepCall(known.calls, asFields(piece));
      if (typeof choice.finish_reason === 'string') {
        // Some servers say it twice; no client minds.
        assert.ok(known.finish === null || known.finish === choice.finish_reason, 'a choice ends one way');
        known.finish = choice.finish_reason;
      }
    }
  }
  return choices;
}

function stepCall(calls: Map<number, Call>, piece: Fields): void {
  assert.ok(typeof piece.index === 'number', 'a call has an index');
  const { name, arguments: text = '' } = asFields(piece.function);
  const known = calls.get(piece.index);
  if (known === undefined) {
    assert.ok(typeof piece.id === 'string' && piece.id !== '', 'a call begins with an id');
    assert.ok(typeof name === 'string' && name !== '', 'a call begins with a name');
    assert.ok(![...calls.values()].some(({ id }) => id === piece.id), 'an id of its own');
    calls.set(piece.index, { id: piece.id, name, arguments: String(text) });
    return;
  }
  assert.ok([undefined, null, '', known.id].includes(piece.id as string), 'a piece keeps its call’s id');
  assert.ok(name === undefined || name === known.name, 'a piece names nothing new');
  known.arguments += String(text);
}
