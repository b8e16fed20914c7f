import { createHash, randomUUID } from 'node:crypto';
import { newTurn, type RouteRequest, type RouteResult, unknownModel } from './chat.ts';
import { countTokens } from './json.ts';
import { catalogueReply, inferenceRefusal, parameterRefusal } from './refusal.ts';
import { jsonReply } from './reply.ts';

/** The dimensions each embedding model offers. */
const dimensionsByModel: Readonly<Record<string, readonly number[]>> = {
  'text-embedding-v4': [2048, 1536, 1024, 768, 512, 256, 128, 64],
  'text-embedding-v3': [1024, 768, 512],
};

/** `POST …/embeddings`: at most 10 texts of at most 8,192 tokens. */
export function answerEmbeddings({ body, plan, nowMs }: RouteRequest): RouteResult {
  const model = String(body.model);
  const offered = Object.hasOwn(dimensionsByModel, model) ? dimensionsByModel[model] : undefined;
  if (!offered) return { reply: unknownModel(model, plan) };
  const texts = Array.isArray(body.input) ? body.input : [body.input];
  if (texts.length === 0 || !texts.every((text) => typeof text === 'string' && text !== '')) {
    return { reply: inferenceRefusal('Value error, contents is neither str nor list of str.: input.contents') };
  }
  if (texts.length > 10) {
    return {
      reply: inferenceRefusal('Value error, batch size is invalid, it should not be larger than 10.: input.contents'),
    };
  }
  if (texts.some((text) => countTokens(text) > 8192)) return { reply: catalogueReply(50, { number: 8192 }) };
  const dimensions = body.dimensions ?? 1024;
  if (typeof dimensions !== 'number' || !offered.includes(dimensions)) {
    return {
      reply: inferenceRefusal(`Value error, dimension should be in [${offered.join(', ')}]: parameters.dimension`),
    };
  }
  if (body.encoding_format !== undefined && body.encoding_format !== 'float') {
    return { reply: parameterRefusal("encoding_format is not one of ['float'] - 'encoding_format'") };
  }
  const promptTokens = texts.reduce((sum, text) => sum + countTokens(text), 0);
  const answer = {
    data: texts.map((text, index) => ({ embedding: vector(text, dimensions), index, object: 'embedding' })),
    model,
    object: 'list',
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    id: randomUUID(),
  };
  const asJson = () => jsonReply(200, answer);
  return { reply: asJson(), context: { turn: newTurn(model, nowMs), asJson } };
}

/** A unit vector that depends on nothing but the text. */
function vector(text: string, dimensions: number): number[] {
  const seed = createHash('sha256').update(text).digest();
  const raw = Array.from({ length: dimensions }, (_, index) => Math.sin((seed[index % seed.length] ?? 0) + index));
  const length = Math.hypot(...raw);
  return raw.map((component) => component / length);
}
