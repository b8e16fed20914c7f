/** The bodies that the bench sends. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Format } from './wire.ts';

/** Stands at the end of a long context: whoever cuts one is found out. */
export const endMark = 'END-OF-THE-LONG-CONTEXT';

const model = 'qwen3-coder-plus';

export function smallBody(format: Format, stream: boolean): Buffer {
  const messages = [{ role: 'user', content: 'Say some words about the wire.' }];
  return Buffer.from(JSON.stringify({ ...common(format, stream), messages }));
}

const common = (format: Format, stream: boolean) => ({
  model,
  stream,
  ...(format === 'anthropic'
    ? { max_tokens: 4_096 }
    : { temperature: 0.2, ...(stream && { stream_options: { include_usage: true } }) }),
});

/** An agent's conversation of a megabyte: instructions, tools, and one file after another, as source code is escaped in JSON. */
export function longBody(format: Format): Buffer {
  const source = sources();
  const pieceLength = 12_000;
  const turns: object[] = [];
  for (let at = 0, turn = 0; JSON.stringify(turns).length < 1_000_000; turn++, at += pieceLength) {
    const piece = source.slice(at % (source.length - pieceLength)).slice(0, pieceLength);
    turns.push(...(format === 'chat' ? chatTurn(turn, piece) : anthropicTurn(turn, piece)));
  }
  const last = { role: 'user', content: `Now sum it up. ${endMark}` };
  const system = 'You are a careful agent. '.repeat(200);
  return Buffer.from(
    JSON.stringify(
      format === 'chat'
        ? {
            ...common(format, true),
            messages: [{ role: 'system', content: system }, { role: 'user', content: 'Read it all.' }, ...turns, last],
            tools: tools.map((tool) => ({ type: 'function', function: tool })),
          }
        : {
            ...common(format, true),
            system: [{ type: 'text', text: system }],
            messages: [{ role: 'user', content: 'Read it all.' }, ...turns, last],
            tools: tools.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters })),
          },
    ),
  );
}

const tools = ['read_file', 'write_file', 'list_files', 'run_command', 'find_text'].map((name) => ({
  name,
  description: `Does ${name.replace('_', ' ')} in the workspace of the user, and says what came of it. `.repeat(4),
  parameters: {
    type: 'object',
    properties: { path: { type: 'string', description: 'Path in the workspace.' }, limit: { type: 'integer' } },
    required: ['path'],
  },
}));

function chatTurn(turn: number, piece: string): readonly object[] {
  const id = `call_${turn}`;
  const call = { name: 'read_file', arguments: JSON.stringify({ path: `src/${turn}.ts` }) };
  return [
    { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: call }] },
    { role: 'tool', tool_call_id: id, content: piece },
  ];
}

function anthropicTurn(turn: number, piece: string): readonly object[] {
  const id = `toolu_${turn}`;
  return [
    { role: 'assistant', content: [{ type: 'tool_use', id, name: 'read_file', input: { path: `src/${turn}.ts` } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: [{ type: 'text', text: piece }] }] },
  ];
}

/** The project's own sources as one text. */
function sources(): string {
  const folder = join(import.meta.dirname, '..', 'src');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('\n');
}
