import { GatewayError } from '../core/errors.ts';
import { foldCompletionStream } from '../dialects/openai-completions/fold.ts';
import { decodeFillIn } from '../dialects/openai-completions/request.ts';
import { createModelEcho } from '../upstream/chat-echo.ts';
import { openChatStream } from '../upstream/chat-stream.ts';
import { editCompletionRequest } from '../upstream/fill-in-request.ts';
import { isFillInModelId } from '../upstream/models.ts';
import { plan } from '../upstream/plans.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';
import type { ChatLaneOptions } from './chat-lane.ts';
import { createPost } from './post.ts';

/** More endpoints than anybody has. */
const maximumRemembered = 1_000;

/**
 * Completions where the plan speaks them and the model fills in: its own prompt, and the answer's bytes as they come.
 * `undefined`: a chat has to stand in. A custom endpoint that proves to have none is remembered.
 */
export function createCompletionsLane(
  options: ChatLaneOptions,
): (attempt: Attempt) => Promise<OpenedAnswer | undefined> {
  const post = createPost(options);
  const withoutCompletions = new Set<string>();
  return async (attempt) => {
    const { request, lease, exchange } = attempt;
    const { account, model } = lease;
    const target = JSON.stringify([account.plan, account.baseUrl]);
    const speaks = plan(account.plan)?.formats.includes('openai-completions') === true;
    if (!speaks || !isFillInModelId(model) || withoutCompletions.has(target)) return undefined;
    const body = editCompletionRequest(request.body, decodeFillIn(request.body), model);
    const { signal } = exchange;
    const reading = { signal, clock: options.clock, idleMs: options.idleMs };
    const call = { path: '/completions', body, accept: 'text/event-stream', signal } as const;
    const answer = await post(attempt, call, (response) => openChatStream(response, reading)).catch((error) => {
      if (!isMissing(error) || account.plan !== 'custom') throw error;
      if (withoutCompletions.size >= maximumRemembered) withoutCompletions.clear();
      withoutCompletions.add(target);
      return undefined;
    });
    if (answer === undefined) return undefined;
    const echo = request.model === undefined || request.model === model ? undefined : createModelEcho(request.model);
    return {
      lane: 'native',
      async *batches(batchOptions) {
        for await (const batch of answer.batches(batchOptions)) yield echo === undefined ? batch : batch.map(echo);
      },
      end: () => 'data: [DONE]\n\n',
      document: foldCompletionStream,
      usage: answer.usage,
    };
  };
}

/** What a server says that has no such path. */
const isMissing = (error: unknown): boolean => error instanceof GatewayError && error.code === 'wrong_path';
