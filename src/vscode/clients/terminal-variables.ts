import { anthropicBase, openAiBase } from '../../clients/client.ts';

/** Values of `qwenProxy.terminal.environment`. */
export const terminalChoices = ['off', 'anthropic', 'openai', 'both'] as const;
export type TerminalChoice = (typeof terminalChoices)[number];

export function toTerminalChoice(value: unknown): TerminalChoice {
  return terminalChoices.find((choice) => choice === value) ?? 'off';
}

/** The variables that programs in a terminal read; aider has its own name for the base URL. */
export function terminalVariables(
  choice: TerminalChoice,
  { origin, key }: { readonly origin: string; readonly key: string },
): Readonly<Record<string, string>> {
  const isAnthropic = choice === 'anthropic' || choice === 'both';
  const isOpenAi = choice === 'openai' || choice === 'both';
  const openAi = openAiBase({ origin });
  return {
    ...(isAnthropic && { ANTHROPIC_BASE_URL: anthropicBase({ origin }), ANTHROPIC_AUTH_TOKEN: key }),
    ...(isOpenAi && { OPENAI_BASE_URL: openAi, OPENAI_API_BASE: openAi, OPENAI_API_KEY: key }),
  };
}
