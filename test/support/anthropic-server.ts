import type { JsonObject } from '../simulator/json.ts';
import type { RawAnswer, RawRequest } from '../simulator/raw-client.ts';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { checkMessageStream, type StreamedMessage } from './anthropic-grammar.ts';
import { startProxy, type TestProxy, type TestProxyOptions } from './server-proxy.ts';

/** A proxy before a simulated Qwen, and requests of Anthropic's clients to it. */
export interface AnthropicServer {
  readonly simulator: Simulator;
  readonly server: TestProxy;
  post(fields: JsonObject, request?: RawRequest): Promise<RawAnswer>;
  /** A stream that keeps to the grammar. */
  stream(fields?: JsonObject, request?: RawRequest): Promise<StreamedMessage>;
  /** A whole message. */
  message(fields?: JsonObject, request?: RawRequest): Promise<JsonObject>;
  /** The last body that went upstream. */
  readonly sent: JsonObject;
  readonly sentMessages: readonly JsonObject[];
  dispose(): Promise<void>;
}

export const model = 'qwen3.7-plus';
export const user = (content: unknown) => ({ role: 'user', content });
export const assistant = (content: unknown) => ({ role: 'assistant', content });
export const weather = {
  name: 'get_weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};

/** Starts both; `native` gives the account an Anthropic endpoint. */
export async function startAnthropicServer({
  native = false,
  ...options
}: TestProxyOptions & { readonly native?: boolean } = {}): Promise<AnthropicServer> {
  const simulator = await startSimulator();
  const server = await startProxy({
    accounts: { one: 'sk-one' },
    baseUrl: simulator.baseUrl,
    ...(native && { anthropicBaseUrl: simulator.anthropicBaseUrl }),
    random: () => 0,
    ...options,
  });
  const post = (fields: JsonObject, request: RawRequest = {}) =>
    server.raw('/anthropic/v1/messages', {
      body: JSON.stringify({ model, max_tokens: 1_000, messages: [user('hello')], ...fields }),
      ...request,
      headers: { 'anthropic-version': '2023-06-01', ...request.headers },
    });
  const sent = () => {
    const requests = simulator.requests.filter(({ path }) => /completions$|\/messages$/.test(path));
    return JSON.parse(requests.at(-1)?.rawBody ?? '{}') as JsonObject;
  };
  return {
    simulator,
    server,
    post,
    stream: async (fields = {}, request) => {
      const answer = await post({ stream: true, ...fields }, request);
      if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.text}`);
      return checkMessageStream(answer.text);
    },
    message: async (fields = {}, request) => {
      const answer = await post(fields, request);
      if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${answer.text}`);
      return answer.json;
    },
    get sent() {
      return sent();
    },
    get sentMessages() {
      const { messages } = sent();
      return Array.isArray(messages) ? messages : [];
    },
    async dispose() {
      await server.dispose();
      await simulator.close();
    },
  };
}
