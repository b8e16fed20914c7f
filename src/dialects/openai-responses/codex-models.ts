import { type JsonObject, numberField, stringField } from '../../core/json.ts';

/** Efforts that every release of Codex can read; an unknown one fails its whole catalogue. */
const codexEfforts: Readonly<Record<string, string>> = {
  minimal: 'Hardly any thinking',
  low: 'Quick answers with light thinking',
  medium: 'Thinking as the task needs it',
  high: 'Deeper thinking for hard tasks',
  xhigh: 'The deepest thinking',
};

/** For models that think but read no effort: what the proxy turns into thinking budgets. */
const budgetEfforts = ['low', 'medium', 'high'];

/**
 * What a model is told first. Codex takes its system prompt from the catalogue, and an empty one leaves the model without
 * any: https://github.com/openai/codex/issues/37122.
 */
const baseInstructions = `You are a coding agent in a terminal, working with the user in their repository until the task is done.

- Look before you change: read the files concerned, search with rg, and follow the conventions and AGENTS.md files you find. Instructions nearer to a file win over those further up.
- Use the tools you are given for every action; never claim to have run or changed what you have not. Call several independent tools at once.
- Change files with the apply_patch tool where it is offered, else with the shell. Keep changes small, at the cause, and in the style of the code around them. Leave alone what the task does not concern, and never undo changes you did not make.
- After a change run the tests, build or linter that the repository has for it, and repair what you broke.
- Follow the sandbox and approval rules of the developer messages. Do not commit, push, delete or install anything unless it was asked for.
- Before a group of commands say in one sentence what you are about to do. At the end say shortly what you changed, where (file:line), and what you could not verify.`;

/**
 * A model as Codex' catalogue describes it (`ModelInfo` in codex-rs/protocol/src/openai_models.rs). Every field without a
 * default there has to be present, or Codex drops the catalogue in silence.
 * @param model An entry of `GET /v1/models`.
 * @param priority Its place in the list; the first one is Codex' default.
 */
export function codexModel(model: JsonObject & { readonly id: string }, priority: number): JsonObject {
  const contextWindow = numberField(model, 'context_window') ?? null;
  const efforts = effortsOf(model);
  const isThinking = efforts.length > 0;
  return {
    slug: model.id,
    display_name: stringField(model, 'name') ?? model.id,
    description: null,
    default_reasoning_level: isThinking ? (efforts.includes('medium') ? 'medium' : efforts[0]) : null,
    supported_reasoning_levels: efforts.map((effort) => ({ effort, description: codexEfforts[effort] ?? effort })),
    shell_type: 'shell_command',
    visibility: 'list',
    supported_in_api: true,
    priority,
    additional_speed_tiers: [],
    service_tiers: [],
    availability_nux: null,
    upgrade: null,
    base_instructions: baseInstructions,
    model_messages: null,
    supports_reasoning_summaries: isThinking,
    default_reasoning_summary: isThinking ? 'auto' : 'none',
    support_verbosity: false,
    default_verbosity: null,
    apply_patch_tool_type: 'freeform',
    web_search_tool_type: 'text',
    truncation_policy: { mode: 'tokens', limit: 10_000 },
    supports_parallel_tool_calls: true,
    supports_image_detail_original: false,
    context_window: contextWindow,
    max_context_window: contextWindow,
    auto_compact_token_limit: null,
    effective_context_window_percent: 95,
    experimental_supported_tools: [],
    input_modalities: model.supports_vision === true ? ['text', 'image'] : ['text'],
    supports_search_tool: false,
    use_responses_lite: false,
  };
}

function effortsOf(model: JsonObject): readonly string[] {
  if (model.supports_reasoning !== true) return [];
  const own = Array.isArray(model.reasoning_efforts) ? model.reasoning_efforts : budgetEfforts;
  return own.filter((effort): effort is string => typeof effort === 'string' && effort in codexEfforts);
}

/** The catalogue of models that Codex can chat with. */
export function codexCatalogue(models: readonly (JsonObject & { readonly id: string })[]): JsonObject {
  return { models: models.filter(({ mode }) => mode !== 'embedding').map(codexModel) };
}
