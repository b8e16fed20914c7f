import * as v from 'valibot';
import type { GenerationRequest } from '../../core/dialect.ts';
import { decodeWith } from '../decode-with.ts';
import { badField, missingField } from '../field-errors.ts';

/** As many as OpenAI takes: https://platform.openai.com/docs/api-reference/embeddings/create */
export const maximumInputs = 2048;

const dimensions = 'must be a whole number of 1 or more';
const request = v.looseObject({
  model: v.nullish(v.pipe(v.string('must be a string'), v.minLength(1, 'must not be empty'))),
  dimensions: v.nullish(v.pipe(v.number(dimensions), v.integer(dimensions), v.minValue(1, dimensions))),
  encoding_format: v.nullish(v.picklist(['float', 'base64'], 'must be float or base64')),
});

/** Checks an embeddings body. @throws GatewayError `invalid_request` naming the field, as in `input[3]`. */
export function decodeEmbeddingsRequest(given: unknown): GenerationRequest {
  const body = decodeWith(request, given);
  decodeInputs(body.input);
  return { model: body.model ?? undefined, stream: false, includeUsage: false, body };
}

/** The texts to embed, in order. @throws GatewayError `invalid_request` naming the one that is none. */
export function decodeInputs(input: unknown): readonly string[] {
  if (input === undefined || input === null) throw missingField('input');
  const inputs: readonly unknown[] = Array.isArray(input) ? input : [input];
  const nameOf = (index: number) => (Array.isArray(input) ? `input[${index}]` : 'input');
  if (inputs.length === 0) throw badField('input', 'it must hold at least one text.');
  if (inputs.length > maximumInputs)
    throw badField('input', `it must hold ${maximumInputs} texts at most, and holds ${inputs.length}.`);
  return inputs.map((each, index) => {
    if (typeof each === 'number' || Array.isArray(each)) throw tokens(nameOf(index));
    if (typeof each !== 'string') throw badField(nameOf(index), 'it must be a string.');
    if (each === '') throw badField(nameOf(index), 'it must not be empty.');
    return each;
  });
}

const tokens = (param: string) =>
  badField(
    param,
    'token ids are those of OpenAI’s own models, so send text (in LangChain for Python: check_embedding_ctx_length=False).',
  );
