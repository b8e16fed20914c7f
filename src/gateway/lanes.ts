import type { Logger } from '../core/contracts.ts';
import type { GenerationRequest, Translation } from '../core/dialect.ts';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { keepSource } from '../core/json-source.ts';
import type { WireFormat } from '../core/upstream.ts';
import type { Usage } from '../core/usage.ts';
import { ChatFold, foldChatStream } from '../dialects/openai-chat/fold.ts';
import { createChatDecoder } from '../upstream/chat-decode.ts';
import { createModelEcho } from '../upstream/chat-echo.ts';
import { anthropicSurface } from './anthropic-native.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';
import { type ChatAnswer, type ChatLaneOptions, createChatLane } from './chat-lane.ts';
import { createCompletionsLane } from './completions-lane.ts';
import { createEmbeddingsLane } from './embeddings-lane.ts';
import { createNativeLane, type NativeLane, type NativeLaneOptions } from './native-lane.ts';
import { responsesSurface } from './responses-native.ts';
import type { TokenUsage } from './token-usage.ts';

export interface LaneOptions extends ChatLaneOptions, NativeLaneOptions {
  readonly logger: Logger;
  readonly tokens: Pick<TokenUsage, 'estimate' | 'learn'>;
}

/**
 * Sends an attempt down its lane. The native one: the client's body with minimal edits, to the endpoint of the same
 * format, and the answer's bytes as they come. The translate lane: Chat Completions on the upstream's side, canonical
 * events, and the client's own format made of them.
 */
export function createLanes(options: LaneOptions): (attempt: Attempt) => Promise<OpenedAnswer> {
  const openChat = createChatLane(options);
  const openEmbeddings = createEmbeddingsLane(options);
  const openCompletions = createCompletionsLane(options);
  const natives: Readonly<Partial<Record<WireFormat, NativeLane>>> = {
    'anthropic-messages': createNativeLane(anthropicSurface, options),
    'openai-responses': createNativeLane(responsesSurface, options),
  };

  return async (attempt) => {
    if (attempt.dialect.id === 'openai-embeddings') return openEmbeddings(attempt);
    const completion = attempt.dialect.id === 'openai-completions' ? await openCompletions(attempt) : undefined;
    if (completion !== undefined) return completion;
    const { translation, body } = attempt.request;
    if (translation === undefined) return nativeChat(await openChat(body, attempt), attempt);
    const native = natives[attempt.dialect.id];
    let learn: (() => void) | undefined;
    try {
      const answer = await native?.open(attempt);
      if (answer !== undefined) return answer;
    } catch (error) {
      learn = native?.lessonOf(error, attempt);
      if (learn === undefined) throw error;
    }
    const answer = await openAsChat(attempt, translation);
    learn?.();
    return answer;
  };

  async function openAsChat(attempt: Attempt, translation: Translation): Promise<OpenedAnswer> {
    if (translation.notes?.length)
      options.logger.info('Left out what Qwen has no counterpart for.', {
        request: attempt.exchange.requestId,
        what: translation.notes.join(', '),
      });
    const answer = await openTranslated(() => openChat(translation.chat, attempt), translation);
    return translated(answer, attempt, { translation, createdAtMs: options.clock.now(), tokens: options.tokens });
  }
}

function nativeChat(answer: ChatAnswer, { request: { model } }: Attempt): OpenedAnswer {
  // Who asked for no model is told which one answered.
  const echo = model === undefined || model === answer.model ? undefined : createModelEcho(model);
  const { pour, flow } = answer;
  const edits = echo === undefined ? { mayJoin: () => true } : { edit: echo };
  return {
    lane: 'native',
    batches: (batchOptions) => answer.batches({ ...batchOptions, ...edits }),
    flow: flow && ((flowOptions, write) => flow({ ...flowOptions, ...edits }, write)),
    end: () => 'data: [DONE]\n\n',
    document: foldChatStream,
    whole:
      pour === undefined || echo !== undefined
        ? undefined
        : async () => {
            const fold = new ChatFold();
            await pour(fold);
            return fold.result();
          },
    usage: answer.usage,
  };
}

function translated(
  answer: ChatAnswer,
  { request, lease, exchange }: Attempt,
  {
    translation,
    createdAtMs,
    tokens,
  }: { readonly translation: Translation; readonly createdAtMs: number; readonly tokens: LaneOptions['tokens'] },
): OpenedAnswer {
  const decode = createChatDecoder();
  const model = modelToEcho(request, lease.model);
  const encoder = translation.createEncoder({ model, requestId: exchange.requestId, createdAtMs });
  const said: string[] = [];
  let usage: Usage | undefined;
  const { flow } = answer;
  const reading = { includeUsage: true, mayJoin: () => true };
  const translate = (bytes: Buffer): string => {
    const events = decode(bytes);
    for (const event of events) if ('text' in event) said.push(event.text);
    return events.map((event) => encoder.encode(event)).join('');
  };
  const finish = async () => {
    const told = answer.usage();
    if (told !== undefined) {
      if (tokens.learn(translation.chat, answer.model, told)) keepSource(request.body);
      return;
    }
    usage = await tokens.estimate(translation.chat, answer.model, said.join(''));
    encoder.encode({ type: 'usage', usage });
  };
  return {
    lane: 'translate',
    async *batches() {
      for await (const batch of answer.batches(reading)) {
        const text = batch.map(translate).join('');
        if (text !== '') yield [Buffer.from(text)];
        if (encoder.isOver === true) break;
      }
      await finish();
    },
    flow:
      flow &&
      (async (_options, write) => {
        await flow({ ...reading, isEnough: () => encoder.isOver === true }, (bytes) => {
          const text = translate(bytes);
          return text === '' ? undefined : write(Buffer.from(text));
        });
        await finish();
      }),
    end: () => encoder.end(),
    document(): JsonObject {
      encoder.end();
      return encoder.result();
    },
    fail: (error) => encoder.fail(error),
    usage: () => answer.usage() ?? usage,
  };
}

const modelToEcho = ({ model, echoedModel }: GenerationRequest, chosen: string) => echoedModel ?? model ?? chosen;

/** A refusal of the translated body names its fields; the client knows its own only. */
async function openTranslated<T>(open: () => Promise<T>, { paramOf }: Translation): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof GatewayError) || error.scope !== 'request' || error.param === undefined) throw error;
    throw error.withParam(paramOf?.(error.param));
  }
}
