import { isJsonObject, type JsonObject, objectField, parseJson, stringField } from '../../core/json.ts';
import { parseSseEvent } from '../../wire/sse.ts';

interface FoldedBlock {
  readonly fields: Record<string, unknown>;
  json: string;
}

/** Makes the message of a stream of Anthropic's events, in one pass. Fields that nobody knows are kept. */
export function foldMessageStream(events: readonly Buffer[]): JsonObject {
  let message: JsonObject = {};
  const blocks = new Map<unknown, FoldedBlock>();
  for (const event of events) {
    const body = parseJson(parseSseEvent(event).data);
    if (!isJsonObject(body)) continue;
    const delta = objectField(body, 'delta') ?? {};
    switch (body.type) {
      case 'message_start':
        message = objectField(body, 'message') ?? {};
        break;
      case 'content_block_start':
        blocks.set(body.index, { fields: { ...objectField(body, 'content_block') }, json: '' });
        break;
      case 'content_block_delta':
        foldDelta(blocks.get(body.index), delta);
        break;
      case 'message_delta': {
        const { type: _type, delta: _delta, usage, ...rest } = body;
        const counts = isJsonObject(usage) ? usage : {};
        message = {
          ...message,
          ...rest,
          ...delta,
          usage: { ...objectField(message, 'usage'), ...withoutNulls(counts) },
        };
      }
    }
  }
  return { ...message, content: [...blocks.values()].map(finish) };
}

function foldDelta(block: FoldedBlock | undefined, { type: _type, ...delta }: JsonObject): void {
  if (block === undefined) return;
  for (const [name, value] of Object.entries(delta)) {
    if (name === 'partial_json') block.json += typeof value === 'string' ? value : '';
    else if (name === 'citation') {
      const known = block.fields.citations;
      block.fields.citations = [...(Array.isArray(known) ? known : []), value];
    } else if (typeof value === 'string') block.fields[name] = (stringField(block.fields, name) ?? '') + value;
    else block.fields[name] = value;
  }
}

function finish({ fields, json }: FoldedBlock): JsonObject {
  if (json === '') return fields;
  // Arguments that broke off are nothing to act on; the stop reason tells it.
  return { ...fields, input: parseJson(json) ?? {} };
}

const withoutNulls = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
