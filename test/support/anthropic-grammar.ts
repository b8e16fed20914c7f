import assert from 'node:assert/strict';
import { isObject, type JsonObject, objectsOf } from '../simulator/json.ts';

/** What a stream's events add up to. */
export interface StreamedMessage {
  readonly message: JsonObject;
  readonly content: readonly JsonObject[];
  readonly stopReason: unknown;
  readonly stopSequence: unknown;
  readonly usage: JsonObject;
  /** The error that broke it off. */
  readonly error: JsonObject | undefined;
}

interface OpenBlock {
  readonly block: Record<string, unknown>;
  json: string;
}

const deltaOf: Readonly<Record<string, readonly string[]>> = {
  text: ['text_delta'],
  thinking: ['thinking_delta', 'signature_delta'],
  tool_use: ['input_json_delta'],
};

/**
 * Checks a Messages stream to the letter and folds it: one message_start, blocks numbered in order, one open at a time and
 * none reopened, deltas of the block's own kind, message_delta with usage once, message_stop last; or an `error` event
 * last, and then no message_stop. https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export function checkMessageStream(text: string): StreamedMessage {
  assert.ok(text.endsWith('\n\n'), 'the last event is whole');
  const content: Record<string, unknown>[] = [];
  let message: JsonObject | undefined;
  let open: OpenBlock | undefined;
  let end: JsonObject | undefined;
  let error: JsonObject | undefined;
  let isStopped = false;
  for (const raw of text.split('\n\n').slice(0, -1)) {
    const { name, data } = readEvent(raw);
    assert.ok(!isStopped && error === undefined, `${name} after the end`);
    if (name === 'ping') continue;
    if (name === 'error') {
      assert.ok(isObject(data.error) && typeof data.error.type === 'string', 'an error has a type');
      error = data;
      continue;
    }
    if (name === 'message_start') {
      assert.equal(message, undefined, 'one message_start');
      assert.ok(isObject(data.message));
      message = data.message;
      assert.deepEqual([message.type, message.role, message.content], ['message', 'assistant', []]);
      assert.equal(message.stop_reason, null);
      assert.ok(isObject(message.usage));
      continue;
    }
    assert.ok(message, `${name} before message_start`);
    switch (name) {
      case 'content_block_start':
        assert.equal(open, undefined, 'one block at a time');
        assert.equal(end, undefined, 'no block after message_delta');
        assert.equal(data.index, content.length, 'blocks are numbered in order');
        assert.ok(isObject(data.content_block) && deltaOf[String(data.content_block.type)]);
        open = { block: { ...data.content_block }, json: '' };
        content.push(open.block);
        break;
      case 'content_block_delta':
        assert.ok(open, 'a delta outside of a block');
        assert.equal(data.index, content.length - 1);
        assert.ok(isObject(data.delta));
        fold(open, data.delta);
        break;
      case 'content_block_stop':
        assert.ok(open, 'a stop outside of a block');
        assert.equal(data.index, content.length - 1);
        if (open.block.type === 'tool_use') open.block.json = open.json;
        open = undefined;
        break;
      case 'message_delta':
        assert.equal(open, undefined, 'message_delta within a block');
        assert.equal(end, undefined, 'one message_delta');
        end = data;
        break;
      case 'message_stop':
        assert.ok(end, 'message_stop without message_delta');
        isStopped = true;
        break;
      default:
        assert.fail(`an unknown event ${name}`);
    }
  }
  assert.ok(isStopped || error !== undefined, 'neither message_stop nor an error at the end');
  const delta = end && isObject(end.delta) ? end.delta : {};
  return {
    message: message ?? {},
    content,
    stopReason: delta.stop_reason,
    stopSequence: delta.stop_sequence,
    usage: end && isObject(end.usage) ? end.usage : {},
    error,
  };
}

/** The text of all blocks of one type. */
export function textOfBlocks(content: readonly JsonObject[], type: 'text' | 'thinking'): string {
  return objectsOf(content)
    .filter((block) => block.type === type)
    .map((block) => block[type])
    .join('');
}

function readEvent(raw: string): { readonly name: string; readonly data: JsonObject } {
  const [, name, json] = /^event: ?(\S+)\ndata: ?(.*)$/s.exec(raw) ?? [];
  assert.ok(name !== undefined && json !== undefined, `no event of the Messages API: ${raw}`);
  const data: unknown = JSON.parse(json);
  assert.ok(isObject(data));
  assert.equal(data.type, name, 'the event repeats its name');
  return { name, data };
}

function fold(open: OpenBlock, delta: JsonObject): void {
  const { block } = open;
  assert.ok(
    deltaOf[String(block.type)]?.includes(String(delta.type)),
    `${delta.type} in a block of type ${block.type}`,
  );
  if (delta.type === 'input_json_delta') open.json += String(delta.partial_json);
  else {
    const field = String(delta.type).replace('_delta', '');
    assert.equal(typeof delta[field], 'string');
    block[field] = String(block[field]) + String(delta[field]);
  }
}
