import { chinese } from './chinese.ts';

export type Language = 'en' | 'zh-cn';

/** QWEN_PROXY_LANG, else the locale of the terminal in POSIX' order; every Chinese one is answered in simplified. */
export function languageOf(environment: Readonly<Record<string, string | undefined>>): Language {
  const { QWEN_PROXY_LANG, LC_ALL, LC_MESSAGES, LANG } = environment;
  return /^zh/i.test(QWEN_PROXY_LANG || LC_ALL || LC_MESSAGES || LANG || '') ? 'zh-cn' : 'en';
}

const language = languageOf(process.env);

/** A text in the user's language, `{0}` and so on filled in. The text has to be a literal: tests look for it. */
export function t(text: string, ...values: readonly (string | number)[]): string {
  const found = language === 'zh-cn' ? (chinese[text] ?? text) : text;
  return found.replace(/\{(\d)\}/g, (placeholder, index) => String(values[Number(index)] ?? placeholder));
}
