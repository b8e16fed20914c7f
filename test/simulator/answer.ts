import { randomBytes } from 'node:crypto';
import type { Answer, ScriptedToolCall } from './contract.ts';
import { countTokens, isObject, type JsonObject, objectsOf, textOf } from './json.ts';

/** One answer with every field decided. */
export interface ResolvedAnswer {
  readonly reasoning: readonly string[];
  readonly text: readonly string[];
  readonly toolCalls: readonly ResolvedToolCall[];
  readonly finishReason: string;
  readonly usage: JsonObject;
}

export interface ResolvedToolCall {
  readonly id: string;
  readonly name: string;
  readonly argumentPieces: readonly string[];
}

/** Decides the answer: the scripted fields, else a deterministic default made of the request. */
export function resolveAnswer(body: JsonObject, thinking: boolean, scripted: Answer = {}): ResolvedAnswer {
  const hasContent = (scripted.text ?? scripted.reasoning ?? scripted.toolCalls) !== undefined;
  const content = hasContent ? scripted : defaultContent(body, thinking);
  const reasoning = pieces(content.reasoning);
  const toolCalls = (content.toolCalls ?? []).map(resolveToolCall);
  const { text, truncated } = truncate(pieces(content.text), body.max_tokens);
  const finish = toolCalls.length > 0 ? 'tool_calls' : 'stop';
  const parts = { reasoning, text, toolCalls };
  return {
    ...parts,
    finishReason: scripted.finishReason ?? (truncated ? 'length' : finish),
    usage: usageOf(body, parts, scripted.usage),
  };
}

function defaultContent(body: JsonObject, thinking: boolean): Answer {
  const messages = objectsOf(body.messages);
  const lastUserText = textOf(messages.findLast((message) => message.role === 'user')?.content);
  const reasoning = thinking ? { reasoning: `Thinking about: ${lastUserText}` } : {};
  const tool = chooseTool(body, lastUserText, messages.at(-1)?.role === 'tool');
  if (tool) return { ...reasoning, toolCalls: [{ name: tool.name, arguments: sampleArguments(tool, lastUserText) }] };
  return { ...reasoning, text: `Echo: ${lastUserText}` };
}

interface OfferedTool {
  readonly name: string;
  readonly parameters: unknown;
}

/** A forced tool; else the one the user names ("call get_weather") or the first one if he says "call a tool". */
function chooseTool(body: JsonObject, userText: string, afterToolResult: boolean): OfferedTool | undefined {
  const offered = offeredTools(body.tools);
  if (body.tool_choice === 'none' || offered.length === 0) return undefined;
  const forced = forcedToolName(body.tool_choice);
  if (forced !== undefined) return offered.find((tool) => tool.name === forced);
  // An agent loop would never end if its unchanged user message called the tool again after each result.
  if (afterToolResult) return undefined;
  const wanted = userText.toLowerCase();
  const named = offered.find((tool) => wanted.includes(`call ${tool.name.toLowerCase()}`));
  return named ?? (wanted.includes('call a tool') ? offered[0] : undefined);
}

function offeredTools(tools: unknown): OfferedTool[] {
  return objectsOf(tools)
    .map((tool) => tool.function)
    .filter(isObject)
    .map((definition) => ({ name: String(definition.name), parameters: definition.parameters }));
}

function forcedToolName(toolChoice: unknown): string | undefined {
  if (!isObject(toolChoice) || !isObject(toolChoice.function)) return undefined;
  return String(toolChoice.function.name);
}

function sampleArguments(tool: OfferedTool, userText: string): string {
  const properties =
    isObject(tool.parameters) && isObject(tool.parameters.properties) ? tool.parameters.properties : {};
  const sample = (schema: unknown): unknown => {
    if (!isObject(schema)) return userText;
    if (Array.isArray(schema.enum)) return schema.enum[0];
    if (schema.type === 'number' || schema.type === 'integer') return 1;
    if (schema.type === 'boolean') return true;
    if (schema.type === 'array') return [];
    return schema.type === 'object' ? {} : userText;
  };
  return JSON.stringify(Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, sample(schema)])));
}

function resolveToolCall(call: ScriptedToolCall): ResolvedToolCall {
  const id = call.id ?? `call_${randomBytes(12).toString('hex')}`;
  const argumentPieces = typeof call.arguments === 'string' ? halves(call.arguments) : call.arguments;
  return { id, name: call.name, argumentPieces };
}

function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)].filter((half) => half !== '');
}

/** One delta a word. */
function pieces(text: string | readonly string[] | undefined): readonly string[] {
  if (typeof text !== 'string') return text ?? [];
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

function truncate(text: readonly string[], maxTokens: unknown): { text: readonly string[]; truncated: boolean } {
  const whole = text.join('');
  if (typeof maxTokens !== 'number' || countTokens(whole) <= maxTokens) return { text, truncated: false };
  return { text: pieces(whole.slice(0, maxTokens * 4)), truncated: true };
}

function usageOf(
  body: JsonObject,
  answer: Pick<ResolvedAnswer, 'reasoning' | 'text' | 'toolCalls'>,
  scripted: JsonObject = {},
): JsonObject {
  const reasoningTokens = countTokens(answer.reasoning.join(''));
  const called = answer.toolCalls.map((call) => call.name + call.argumentPieces.join('')).join('');
  const completionTokens = reasoningTokens + countTokens(answer.text.join('') + called);
  const usage: JsonObject = {
    prompt_tokens: promptTokens(body),
    completion_tokens: completionTokens,
    ...(answer.reasoning.length > 0 ? { completion_tokens_details: { reasoning_tokens: reasoningTokens } } : {}),
    prompt_tokens_details: { cached_tokens: 0 },
    ...scripted,
  };
  return {
    ...usage,
    total_tokens: scripted.total_tokens ?? Number(usage.prompt_tokens) + Number(usage.completion_tokens),
  };
}

/** The tokens of a request's messages and tools. */
export function promptTokens(body: JsonObject): number {
  const texts = objectsOf(body.messages).map((message) => textOf(message.content));
  const tools = Array.isArray(body.tools) ? JSON.stringify(body.tools) : '';
  return countTokens(texts.join('') + tools);
}
