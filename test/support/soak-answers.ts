import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isObject, parseJson } from '../simulator/json.ts';
import type { RawAnswer } from '../simulator/raw-client.ts';
import { textOfEvents } from './server-proxy.ts';

export type SoakDialect = 'chat' | 'messages' | 'responses';
export const soakDialects: readonly SoakDialect[] = ['chat', 'messages', 'responses'];
export const soakPaths: Readonly<Record<SoakDialect, string>> = {
  chat: '/v1/chat/completions',
  messages: '/v1/messages',
  responses: '/v1/responses',
};

/** A streamed request of the dialect with one message. */
export function soakBody(dialect: SoakDialect, text: string, model = 'qwen3-coder-plus'): string {
  const messages = [{ role: 'user', content: text }];
  if (dialect === 'chat') return JSON.stringify({ model, messages, stream: true });
  if (dialect === 'messages') return JSON.stringify({ model, messages, stream: true, max_tokens: 4_000 });
  return JSON.stringify({ model, input: text, stream: true, store: false });
}

/** Whether an answer is all of the text, an error told as one, or neither. */
export function judgeAnswer(dialect: SoakDialect, answer: RawAnswer, expected: string): 'whole' | 'failed' | 'wrong' {
  if (answer.status !== 200) return typeof answer.error.message === 'string' ? 'failed' : 'wrong';
  const last = answer.events.at(-1);
  const text =
    dialect === 'chat'
      ? textOfEvents(answer)
      : answer.events
          .map(({ type, delta }) => {
            if (type === 'response.output_text.delta') return delta;
            return type === 'content_block_delta' && isObject(delta) ? delta.text : '';
          })
          .join('');
  const isEnded =
    dialect === 'chat'
      ? answer.text.endsWith('data: [DONE]\n\n')
      : last?.type === (dialect === 'messages' ? 'message_stop' : 'response.completed');
  if (isEnded) return text === expected ? 'whole' : 'wrong';
  const isError = last !== undefined && ('error' in last || last.type === 'response.failed');
  return isError && expected.startsWith(text) ? 'failed' : 'wrong';
}

/** How many requests the ledger of this state folder has, by outcome; read line by line, for it may be long. */
export async function ledgerOutcomes(stateDirectory: string): Promise<ReadonlyMap<string, number>> {
  const folder = join(stateDirectory, 'usage');
  const outcomes = new Map<string, number>();
  for (const name of await readdir(folder))
    for await (const line of createInterface({ input: createReadStream(join(folder, name)) })) {
      const entry = parseJson(line);
      if (isObject(entry) && typeof entry.outcome === 'string')
        outcomes.set(entry.outcome, (outcomes.get(entry.outcome) ?? 0) + 1);
    }
  return outcomes;
}
