/**
 * Tokens of the chat template and of other control texts, with the ids they have in Qwen2.5 and Qwen3. They are found in the
 * raw text, before normalisation and wherever they stand: the upstream tokenises the rendered template as a whole, so such a
 * text in a message counts as the one token it becomes there.
 */
export const addedTokens: ReadonlyMap<string, number> = new Map(
  [
    '<|endoftext|>',
    '<|im_start|>',
    '<|im_end|>',
    '<|object_ref_start|>',
    '<|object_ref_end|>',
    '<|box_start|>',
    '<|box_end|>',
    '<|quad_start|>',
    '<|quad_end|>',
    '<|vision_start|>',
    '<|vision_end|>',
    '<|vision_pad|>',
    '<|image_pad|>',
    '<|video_pad|>',
    '<tool_call>',
    '</tool_call>',
    '<|fim_prefix|>',
    '<|fim_middle|>',
    '<|fim_suffix|>',
    '<|fim_pad|>',
    '<|repo_name|>',
    '<|file_sep|>',
    '<tool_response>',
    '</tool_response>',
    '<think>',
    '</think>',
  ].map((text, index) => [text, 151_643 + index]),
);

/** Matches any of them. */
export const addedTokenPattern = new RegExp(
  [...addedTokens.keys()].map((text) => text.replaceAll('|', '\\|')).join('|'),
  'g',
);
