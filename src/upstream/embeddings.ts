import { GatewayError } from '../core/errors.ts';
import { isJsonObject, type JsonObject, numberField, objectField, objectItems, omit, parseJson } from '../core/json.ts';
import { refusal } from './chat-refusal.ts';
import { defaultDimensions, embeddingModelInfo } from './embedding-models.ts';
import type { EmbeddingVector } from './embedding-vectors.ts';
import { classifyStreamError } from './errors.ts';

/** "Value error, batch size is invalid, it should not be larger than 10.: input.contents" */
export const maximumBatch = 10;

/** One upstream answer, in the order of its inputs. */
export interface EmbeddedBatch {
  readonly vectors: readonly EmbeddingVector[];
  readonly inputTokens: number;
}

/**
 * A client's embeddings body as Qwen takes it, but for the input. Qwen gives floats only; whoever wants another encoding
 * gets it made of them.
 * @param model The one that was chosen for what the client asked.
 * @throws GatewayError `invalid_request` naming `dimensions` where the model has no vectors of that length.
 */
export function editEmbeddingsRequest(body: JsonObject, model: string): JsonObject {
  const asked = typeof body.model === 'string' ? body.model : undefined;
  const dimensions = numberField(body, 'dimensions') ?? defaultDimensions(asked, model);
  const offered = embeddingModelInfo(model)?.dimensions;
  if (dimensions !== undefined && offered?.includes(dimensions) === false)
    throw refusal('dimensions', `${model} has vectors of ${offered.toSorted((a, b) => b - a).join(', ')} dimensions.`);
  const kept = Object.entries(omit(body, ['user', 'input', 'dimensions'])).filter(([, value]) => value !== null);
  return {
    ...Object.fromEntries(kept),
    model,
    ...(dimensions !== undefined && { dimensions }),
    encoding_format: 'float',
  };
}

/** Reads an embeddings answer. @throws GatewayError where it is an error, or lacks a vector for any of the inputs. */
export function readEmbeddings(text: string, inputs: number): EmbeddedBatch {
  const answer = parseJson(text);
  if (!isJsonObject(answer) || !Array.isArray(answer.data)) throw classifyStreamError({ message: text });
  const byIndex = new Map(
    objectItems(answer, 'data').map((entry, place) => [
      numberField(entry, 'index') ?? place,
      vectorOf(entry.embedding),
    ]),
  );
  const vectors = Array.from({ length: inputs }, (_, index) => byIndex.get(index)).filter((each) => each !== undefined);
  if (vectors.length !== inputs || byIndex.size !== inputs)
    throw new GatewayError('upstream_protocol', 'Qwen sent no vector for some of the inputs.');
  const usage = objectField(answer, 'usage') ?? {};
  return { vectors, inputTokens: numberField(usage, 'prompt_tokens') ?? numberField(usage, 'total_tokens') ?? 0 };
}

function vectorOf(value: unknown): EmbeddingVector | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  const isVector = Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'number');
  return isVector ? value : undefined;
}
