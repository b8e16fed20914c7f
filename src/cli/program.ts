import { styleText } from 'node:util';
import { Command, InvalidArgumentError } from 'commander';
import { useConfigFile } from './environment.ts';
import { version } from './host.ts';
import { displayWidth } from './table.ts';
import { t } from './translate.ts';

/** Wraps a command so that its exit code becomes the program's. */
export type Run = <Arguments extends unknown[]>(
  command: (...args: Arguments) => Promise<number>,
) => (...args: Arguments) => Promise<void>;

export function amount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError(t('It must be a whole number above 0.'));
  return Number(text);
}

export function position(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError(t('It must be a position, 1 for the first.'));
  return Number(text) - 1;
}

/** Commander has its words in English alone. */
const titles: Readonly<Record<string, () => string>> = {
  'Usage:': () => t('Usage:'),
  'Arguments:': () => t('Arguments:'),
  'Options:': () => t('Options:'),
  'Global Options:': () => t('Global options:'),
  'Commands:': () => t('Commands:'),
};
const mistakes: readonly (readonly [RegExp, (...found: readonly string[]) => string])[] = [
  [/^error: unknown command '(.*)'/, (name = '') => t('There is no command {0}.', name)],
  [/^error: unknown option '(.*)'/, (name = '') => t('There is no option {0}.', name)],
  [/^error: missing required argument '(.*)'/, (name = '') => t('The argument {0} is missing.', name)],
  [/^error: required option '(.*)' not specified/, (name = '') => t('The option {0} is missing.', name)],
  [/^error: option '(.*)' argument missing/, (name = '') => t('The option {0} needs a value.', name)],
  [/^error: too many arguments/, () => t('There are too many arguments.')],
  [/^error: .* '(.*)' is invalid\. (.*)/, (value = '', why = '') => t('{0} is not possible here. {1}', value, why)],
];

export function describeMistake(message: string): string {
  for (const [pattern, describe] of mistakes) {
    const match = pattern.exec(message);
    if (match) return `${describe(...match.slice(1))}\n`;
  }
  return message;
}

/** The program without its commands: its help, its words and its colours. */
export function createProgram(): Command {
  return (
    new Command('qwen-openai-proxy')
      .description(t('Your Qwen accounts as local OpenAI- and Anthropic-compatible endpoints. Unofficial.'))
      .version(version, '-V, --version', t('print the version'))
      .option('--config <file>', t('settings from a JSON or YAML file; also QWEN_PROXY_CONFIG'))
      .helpOption('-h, --help', t('show this help'))
      .helpCommand('help [command]', t('show the help of a command'))
      // Commander takes colours away where the output is no terminal, or NO_COLOR is set.
      .configureHelp({
        sortSubcommands: false,
        displayWidth,
        styleTitle: (title) => styleText('bold', titles[title]?.() ?? title, { validateStream: false }),
        styleCommandText: (text) => styleText('cyan', text, { validateStream: false }),
        styleSubcommandText: (text) => styleText('cyan', text, { validateStream: false }),
        styleOptionText: (text) => styleText('green', text, { validateStream: false }),
      })
      .configureOutput({ outputError: (message, write) => write(describeMistake(message)) })
      .addHelpText(
        'afterAll',
        () => `\n${t('Exit codes: 0 done, 1 it failed, 2 the call or the configuration is wrong.')}`,
      )
      .hook('preAction', (program) => {
        const { config } = program.opts<{ config?: string }>();
        if (config !== undefined) useConfigFile(config);
      })
      .exitOverride()
  );
}
