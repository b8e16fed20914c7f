import { systemClock } from '../core/clock.ts';
import { isJsonObject, type JsonObject, objectField, objectItems, parseJson, stringField } from '../core/json.ts';
import { bodyText, type UpstreamRequest, type UpstreamResponse } from '../core/upstream.ts';

/** A pause between chunks, so that a stream looks like one. */
const chunkPauseMs = 15;

/**
 * The embedded upstream of the demo account: answers in Qwen's wire shape (text, thinking, a tool call, usage), costs
 * nothing and says what it is. It calls a tool only when `tool_choice` forces one or the last user message contains
 * `demo tool`: an agent that is tried out with it must not start to act.
 */
export async function sendToDemo(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse> {
  const body = parseJson(bodyText(request.body));
  if (!request.url.endsWith('/chat/completions') || !isJsonObject(body))
    return json(404, { error: { message: 'The demo serves chat completions only.', code: 'not_found' } });
  const chunks = demoChunks(body);
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream' },
    body: {
      async *[Symbol.asyncIterator]() {
        for (const chunk of chunks) {
          await systemClock.sleep(chunkPauseMs, signal);
          yield Buffer.from(`data: ${chunk}\n\n`);
        }
      },
      destroy() {},
    },
  };
}

function demoChunks(body: JsonObject): readonly string[] {
  const messages = objectItems(body, 'messages');
  const asked = textOf(messages.findLast((message) => message.role === 'user')?.content);
  // A user message that asks for the tool stays where it is: an agent would call it again after every result.
  const tool = calledTool(body, messages.at(-1)?.role === 'user' ? asked : '');
  const isThinking = body.enable_thinking === true;
  const head = {
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    system_fingerprint: null,
    model: stringField(body, 'model') ?? 'demo',
    id: `chatcmpl-demo-${crypto.randomUUID()}`,
  };
  const chunk = (delta: JsonObject, finish: string | null = null) =>
    JSON.stringify({ choices: [{ delta, finish_reason: finish, index: 0, logprobs: null }], usage: null, ...head });

  const thinking = isThinking
    ? pieces('This is the demo account. It does not think; it shows where thinking would be. ')
    : [];
  const answer = tool === undefined ? pieces(demoText(asked)) : [];
  const output = [
    chunk({ role: 'assistant', content: isThinking || tool ? null : '', ...(isThinking && { reasoning_content: '' }) }),
    ...thinking.map((piece) => chunk({ content: null, reasoning_content: piece })),
    ...answer.map((piece) => chunk(isThinking ? { content: piece, reasoning_content: null } : { content: piece })),
    ...(tool === undefined ? [] : toolDeltas(tool).map((delta) => chunk({ content: null, tool_calls: [delta] }))),
    tool === undefined ? chunk({ content: '' }, 'stop') : chunk({}, 'tool_calls'),
  ];
  const promptTokens = estimate(JSON.stringify(messages));
  const reasoningTokens = estimate(thinking.join(''));
  const completionTokens = estimate(answer.join('')) + reasoningTokens + (tool === undefined ? 0 : 20);
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0 },
    ...(isThinking && { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
  const wantsUsage = objectField(body, 'stream_options')?.include_usage === true;
  return [...output, ...(wantsUsage ? [JSON.stringify({ choices: [], usage, ...head })] : []), '[DONE]'];
}

function demoText(asked: string): string {
  const quoted = asked.length > 200 ? `${asked.slice(0, 200)}…` : asked;
  return (
    'This is the demo account of Qwen Proxy: no model is behind it, and it costs nothing. ' +
    (quoted === '' ? '' : `You wrote: “${quoted}”. `) +
    'Add a Qwen account to get real answers. 你好 🙂'
  );
}

/** The offered tool that the demo calls, with arguments that its schema's required strings accept. */
function calledTool(body: JsonObject, asked: string): { name: string; arguments: string } | undefined {
  const offered = objectItems(body, 'tools')
    .map((tool) => objectField(tool, 'function'))
    .filter((tool) => tool !== undefined);
  const choice = body.tool_choice;
  const forced = isJsonObject(choice) ? stringField(objectField(choice, 'function') ?? {}, 'name') : undefined;
  const isWanted = forced !== undefined || asked.toLowerCase().includes('demo tool');
  const tool = offered.find((candidate) => candidate.name === forced) ?? offered[0];
  const name = tool && stringField(tool, 'name');
  if (!isWanted || tool === undefined || name === undefined) return undefined;
  const parameters = objectField(tool, 'parameters') ?? {};
  const properties = objectField(parameters, 'properties') ?? {};
  const required = Array.isArray(parameters.required) ? parameters.required.map(String) : [];
  const sample = (type: unknown) =>
    type === 'number' || type === 'integer'
      ? 1
      : type === 'boolean'
        ? true
        : type === 'array'
          ? []
          : type === 'object'
            ? {}
            : 'demo';
  const filled = required.map((field) => [field, sample(objectField(properties, field)?.type)]);
  return { name, arguments: JSON.stringify(Object.fromEntries(filled)) };
}

/** Qwen's pieces of one call: id and name first, then arguments under an empty id (recorded from qwen3-max). */
function toolDeltas(tool: { name: string; arguments: string }): readonly JsonObject[] {
  const half = Math.ceil(tool.arguments.length / 2);
  const rest = [tool.arguments.slice(0, half), tool.arguments.slice(half)].filter((piece) => piece !== '');
  return [
    {
      index: 0,
      id: `call_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`,
      type: 'function',
      function: { name: tool.name, arguments: '' },
    },
    ...rest.map((piece) => ({ index: 0, id: '', type: 'function', function: { arguments: piece } })),
  ];
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isJsonObject(part) ? (stringField(part, 'text') ?? '') : '')).join('');
}

const pieces = (text: string): readonly string[] => text.match(/\S+\s*|\s+/gu) ?? [];
const estimate = (text: string): number => Math.ceil(text.length / 4);

function json(status: number, value: JsonObject): UpstreamResponse {
  const bytes = Buffer.from(JSON.stringify(value));
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: {
      async *[Symbol.asyncIterator]() {
        yield bytes;
      },
      destroy() {},
    },
  };
}
