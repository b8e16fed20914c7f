import { gatewayPaths } from '../../src/core/gateway-protocol.ts';
import { internalPaths } from '../../src/core/window-protocol.ts';
import type { JsonObject } from '../simulator/json.ts';

/** A request that a route takes. */
export interface RouteRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: JsonObject;
}

const model = 'qwen3-coder-plus';
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const picture =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=';

const chat = {
  model,
  temperature: 0.5,
  max_tokens: 100,
  stop: ['END'],
  n: 1,
  response_format: { type: 'text' },
  reasoning_effort: 'low',
  messages: [
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: [{ type: 'text', text: 'hello' }] },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Paris"}' } }],
    },
    { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
    { role: 'user', content: 'and now?' },
  ],
  tools: [{ type: 'function', function: { name: 'weather', description: 'd', parameters: schema } }],
  tool_choice: 'auto',
  metadata: { user: 'u' },
};
const messages = {
  model,
  max_tokens: 100,
  system: [{ type: 'text', text: 'Be short.', cache_control: { type: 'ephemeral' } }],
  messages: [
    { role: 'user', content: 'hello' },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'hm', signature: 'abc' },
        { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Paris' } },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'sunny' }] },
        { type: 'image', source: { type: 'base64', media_type: 'image/png', data: picture.slice(22) } },
        { type: 'text', text: 'and now?' },
      ],
    },
  ],
  tools: [{ name: 'weather', description: 'd', input_schema: schema }],
  thinking: { type: 'enabled', budget_tokens: 1_024 },
  metadata: { user_id: 'u' },
};
const responses = {
  model,
  instructions: 'Be short.',
  input: [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
    { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Paris"}' },
    { type: 'function_call_output', call_id: 'call_1', output: 'sunny' },
    { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'x' },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'and now?' }] },
  ],
  tools: [
    { type: 'function', name: 'weather', description: 'd', parameters: schema, strict: false },
    { type: 'custom', name: 'patch', format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' } },
  ],
  reasoning: { effort: 'low', summary: 'auto' },
  include: ['reasoning.encrypted_content'],
  text: { format: { type: 'text' } },
  prompt_cache_key: 'k',
  store: false,
};

/** One rich request for every route there is, streamed and whole where that is a choice. */
export const routeRequests: readonly RouteRequest[] = [
  ...[true, false].flatMap((stream): RouteRequest[] => [
    { method: 'POST', path: '/v1/chat/completions', body: { ...chat, stream } },
    { method: 'POST', path: '/v1/messages', body: { ...messages, stream } },
    { method: 'POST', path: '/anthropic/v1/messages', body: { ...messages, stream } },
    { method: 'POST', path: '/v1/responses', body: { ...responses, stream } },
    { method: 'POST', path: '/v1/completions', body: { model, prompt: 'let x', suffix: ';', max_tokens: 9, stream } },
  ]),
  { method: 'POST', path: '/v1/embeddings', body: { model: 'text-embedding-v4', input: ['a', 'b'], dimensions: 64 } },
  { method: 'POST', path: '/v1/messages/count_tokens', body: messages },
  { method: 'POST', path: '/anthropic/v1/messages/count_tokens', body: messages },
  { method: 'POST', path: '/v1/responses/input_tokens', body: responses },
  { method: 'POST', path: '/v1/responses/compact', body: responses },
  { method: 'GET', path: '/v1/responses' },
  { method: 'GET', path: '/v1/models' },
  { method: 'GET', path: '/v1/models?client_version=0.60.0' },
  { method: 'GET', path: '/v1/models?limit=1000&after_id=x' },
  { method: 'GET', path: '/v1/models/qwen3-coder-plus' },
  { method: 'GET', path: '/anthropic/v1/models' },
  { method: 'GET', path: '/anthropic/v1/models/qwen3-coder-plus' },
  { method: 'GET', path: '/health' },
  { method: 'GET', path: '/metrics' },
  { method: 'POST', path: '/auth/poll', body: { device_code: 'x' } },
  { method: 'GET', path: `${internalPaths.identity}?nonce=0123456789abcdef` },
  { method: 'POST', path: internalPaths.session, body: { nonce: '0123456789abcdef', proof: 'x', pid: 1 } },
  { method: 'POST', path: internalPaths.call, body: { session: 'x', sealed: 'AAAA' } },
  { method: 'GET', path: `${internalPaths.events}?session=x` },
  { method: 'GET', path: gatewayPaths.state },
  { method: 'GET', path: `${gatewayPaths.usage}?bucket=day&utc_offset=0&since=${Date.now()}&until=${Date.now()}` },
  { method: 'GET', path: `${gatewayPaths.accountModels}?account=one` },
  { method: 'GET', path: '/nowhere' },
];
