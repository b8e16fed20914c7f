import { join } from 'node:path';
import { objectField, stringField } from '../core/json.ts';
import { anthropicBase, type Client, type Endpoint } from './client.ts';
import { editJson, readJson } from './edit-json.ts';

/** Claude Code takes every model that it does not know for one of this size: observed with 2.1.330. */
const assumedWindow = 1_000_000;

/**
 * https://code.claude.com/docs/en/env-vars; `env` of the user's settings wins over the shell's variables. Where the window
 * is smaller than assumed, the conversation is compacted before Qwen refuses it.
 */
const variables = (endpoint: Endpoint) => ({
  ANTHROPIC_BASE_URL: anthropicBase(endpoint),
  ANTHROPIC_AUTH_TOKEN: endpoint.key,
  ANTHROPIC_MODEL: endpoint.model.id,
  ANTHROPIC_DEFAULT_OPUS_MODEL: endpoint.model.id,
  ANTHROPIC_DEFAULT_SONNET_MODEL: endpoint.model.id,
  ANTHROPIC_DEFAULT_HAIKU_MODEL: endpoint.model.id,
  ...((endpoint.model.contextWindow ?? assumedWindow) < assumedWindow && {
    CLAUDE_CODE_AUTO_COMPACT_WINDOW: String(endpoint.model.contextWindow),
  }),
});

export const claudeCode: Client = {
  id: 'claude-code',
  name: 'Claude Code',
  wire: 'messages',
  commands: ['claude'],
  extensions: ['anthropic.claude-code'],
  file: {
    format: 'JSON',
    paths: ({ home, environment }) => [join(environment.CLAUDE_CONFIG_DIR || join(home, '.claude'), 'settings.json')],
    read(text) {
      const settings = readJson(text);
      if (settings === undefined) return undefined;
      const env = objectField(settings, 'env') ?? {};
      const baseUrl = stringField(env, 'ANTHROPIC_BASE_URL');
      const key = stringField(env, 'ANTHROPIC_AUTH_TOKEN');
      const model = stringField(env, 'ANTHROPIC_MODEL');
      return { ...(baseUrl && { baseUrl }), ...(key && { key }), ...(model && { model }) };
    },
    edit: (text, endpoint) =>
      editJson(text, [
        ...Object.entries(variables(endpoint)).map(([name, value]) => [['env', name], value] as const),
        // With both set, Claude Code sends both keys, and the proxy cannot know which one is meant.
        [['env', 'ANTHROPIC_API_KEY'], undefined],
      ]),
  },
  snippet: (endpoint) => ({
    text: `${JSON.stringify({ env: variables(endpoint) }, undefined, 2)}\n`,
    language: 'json',
    place: '~/.claude/settings.json',
  }),
};
