import type { Translation } from '../../core/dialect.ts';
import { type JsonObject, omit } from '../../core/json.ts';
import type { FillIn } from '../../wire/fill-in.ts';
import { createCompletionEncoder } from './encoder.ts';

const fillInInstruction = `You are the autocompletion of a code editor. The user sends the text before the cursor in <prefix> and the text after it in <suffix>. Answer with exactly the text to insert at the cursor: no explanation, no Markdown fence, nothing of the prefix or the suffix again. Keep the indentation. An empty answer is right where nothing is missing.`;
const continueInstruction = `You continue texts. The user sends the beginning of a text in <prefix>. Answer with exactly what comes next, from where it breaks off, in the middle of a word if need be: no explanation, no Markdown fence, nothing of the beginning again.`;

/** A completion as a chat that is asked for the missing text alone, for models and plans without Completions. */
export function translateCompletion(body: JsonObject, fillIn: FillIn, includeUsage: boolean): Translation {
  const { prefix, suffix } = fillIn;
  const stops = stopsOf(body.stop);
  const harmless = stops.filter((each) => !endsFence(each));
  const instruction = suffix === undefined ? continueInstruction : fillInInstruction;
  const gap = suffix === undefined ? '' : `<suffix>${suffix}</suffix>`;
  return {
    chat: {
      ...omit(body, ['prompt', 'suffix', 'stop', 'stream_options', 'echo', 'best_of', 'n']),
      messages: [
        { role: 'system', content: instruction },
        { role: 'user', content: `<prefix>${prefix}</prefix>${gap}` },
      ],
      ...(harmless.length > 0 && { stop: harmless }),
      // Who waits at a cursor waits for no thoughts.
      enable_thinking: false,
    },
    createEncoder: (answer) => createCompletionEncoder(answer, { prefix, stops, includeUsage }),
    paramOf: (param) => (param.startsWith('messages') ? 'prompt' : param),
  };
}

function stopsOf(stop: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(stop) ? stop : [stop];
  return all.filter((each) => typeof each === 'string').filter((each) => each !== '');
}

/** Sent along, such a stop would end an answer at the fence that it should not have begun with. */
const endsFence = (stop: string) => /^[\s`]/.test(stop);
