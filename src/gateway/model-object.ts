import type { JsonObject } from '../core/json.ts';
import { embeddingModelInfo, isEmbeddingModelId } from '../upstream/embedding-models.ts';
import { type ModelInfo, modelInfo } from '../upstream/models.ts';

/** An entry of `GET /v1/models`. */
export type ModelObject = JsonObject & { readonly id: string };

/**
 * OpenAI's model object, and what is known of the model in the names that clients look for: docs/models.md says whose. A
 * fact nobody published is left out.
 * @param servedBy The model that an alias stands for.
 */
export function modelObject(id: string, servedBy: string = id): ModelObject {
  const head = { id, object: 'model', created: 0, owned_by: 'qwen' };
  return isEmbeddingModelId(servedBy)
    ? { ...head, name: id, ...embeddingFacts(servedBy) }
    : { ...head, ...textFacts(id, modelInfo(servedBy)) };
}

function embeddingFacts(id: string) {
  const info = embeddingModelInfo(id);
  return {
    mode: 'embedding',
    ...(info && contextFacts(info.contextWindow)),
    input_modalities: ['text'],
    output_modalities: ['embeddings'],
    ...(info && { dimensions: info.dimensions }),
  };
}

function textFacts(id: string, info: ModelInfo) {
  const { contextWindow, maxOutput, thinking, vision, tools, reasoningEfforts } = info;
  const input = vision ? ['text', 'image'] : ['text'];
  const output = ['text'];
  const parameters = [
    ...['max_tokens', 'temperature', 'top_p', 'stop', 'seed', 'presence_penalty', 'response_format'],
    ...(tools ? ['tools', 'tool_choice', 'parallel_tool_calls'] : []),
    ...(thinking === 'none' ? [] : ['reasoning', 'include_reasoning', 'reasoning_effort']),
  ];
  return {
    name: info.id === id ? info.name : id,
    mode: 'chat',
    ...(contextWindow !== undefined && contextFacts(contextWindow)),
    ...(maxOutput !== undefined && { max_output_tokens: maxOutput, max_completion_tokens: maxOutput }),
    input_modalities: input,
    output_modalities: output,
    architecture: {
      modality: `${input.join('+')}->${output.join('+')}`,
      input_modalities: input,
      output_modalities: output,
    },
    top_provider: {
      ...(contextWindow !== undefined && { context_length: contextWindow }),
      ...(maxOutput !== undefined && { max_completion_tokens: maxOutput }),
    },
    supported_parameters: parameters,
    supports_function_calling: tools,
    supports_vision: vision,
    supports_reasoning: thinking !== 'none',
    thinking,
    ...(reasoningEfforts && { reasoning_efforts: reasoningEfforts }),
  };
}

const contextFacts = (tokens: number) => ({
  context_window: tokens,
  context_length: tokens,
  max_model_len: tokens,
  max_input_tokens: tokens,
});
