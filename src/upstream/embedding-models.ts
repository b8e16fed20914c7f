/** What is known of an embedding model. */
export interface EmbeddingModelInfo {
  readonly id: string;
  /** Lengths of its vectors; the first one is its own choice. */
  readonly dimensions: readonly number[];
  /** Tokens of one input. */
  readonly contextWindow: number;
}

/** "Embedding" page of Model Studio. The order is that in which they are listed. */
export const embeddingModels: readonly EmbeddingModelInfo[] = [
  { id: 'text-embedding-v4', dimensions: [1024, 2048, 1536, 768, 512, 256, 128, 64], contextWindow: 8192 },
  { id: 'text-embedding-v3', dimensions: [1024, 768, 512], contextWindow: 8192 },
];

const defaultModel = 'text-embedding-v4';

/** OpenAI's own models, with the length their users’ databases are laid out for, as near as v4 comes to it. */
const openAiModels: readonly (readonly [RegExp, number])[] = [
  [/^(?:openai\/)?text-embedding-3-large$/i, 2048],
  [/^(?:openai\/)?text-embedding-3-small$/i, 1536],
  [/^(?:openai\/)?(?:text-embedding-ada|text-similarity-|text-search-)/i, 1536],
];

/** Whether an id names a model that makes vectors, of whatever. */
export function isEmbeddingModelId(id: string): boolean {
  return /embed|^bge-|^gte-(?!rerank)|^e5-/i.test(id);
}

/** Whether it is one that `/embeddings` takes: pictures and batches go elsewhere. */
export function isTextEmbeddingModelId(id: string): boolean {
  return isEmbeddingModelId(id) && !/multimodal|vision|-vl-|-async/i.test(id);
}

export function embeddingModelInfo(id: string): EmbeddingModelInfo | undefined {
  return embeddingModels.find((model) => model.id === id.toLowerCase());
}

/** The embedding model that stands for no name, and for OpenAI's; any other name is one. */
export function resolveEmbeddingModel(name: string): string {
  return name === '' || isOpenAiEmbeddingModel(name) ? defaultModel : name;
}

function isOpenAiEmbeddingModel(name: string): boolean {
  return openAiModels.some(([pattern]) => pattern.test(name));
}

/** The length to ask for where the client names none; `undefined` leaves it to the model. */
export function defaultDimensions(asked: string | undefined, model: string): number | undefined {
  const wanted = openAiModels.find(([pattern]) => pattern.test(asked ?? ''))?.[1];
  return wanted !== undefined && embeddingModelInfo(model)?.dimensions.includes(wanted) ? wanted : undefined;
}
