import type { ScriptedToolCall } from '../../simulator/contract.ts';
import type { ClientRun } from './run-client.ts';
import type { Stage } from './stage.ts';

/** A coding agent's command line: how it is configured for the proxy and run, and what its tools are called. */
export interface AgentClient {
  readonly name: string;
  /** The API it speaks, as the ledger calls it. */
  readonly dialect: 'openai-chat' | 'openai-responses' | 'anthropic-messages';
  /** A tool that only the agent's own requests offer: those for titles and memories have none, or fewer. */
  readonly ownTool: string;
  /** Whether it sends the model's reasoning back with the conversation. */
  readonly replaysReasoning: boolean;
  /** Whether it asks again, every time, when an answer breaks off that it has seen the beginning of. */
  readonly retriesCutStreams: boolean;
  /** Calls of its own tools, with paths inside the stage's project. */
  readCall(stage: Stage, path: string): ScriptedToolCall;
  editCall(stage: Stage, path: string, from: string, to: string): ScriptedToolCall;
  createCall(stage: Stage, path: string, content: string): ScriptedToolCall;
  /** Configures it as a user would, and lets it work on the prompt without asking. */
  run(stage: Stage, prompt: string, model?: string): Promise<ClientRun>;
}

/** A call whose arguments arrive in one piece, so that no character is torn but by the wire. */
export function call(name: string, parameters: Readonly<Record<string, unknown>>): ScriptedToolCall {
  return { name, arguments: [JSON.stringify(parameters)] };
}

export const defaultModel = 'qwen3-coder-plus';
