import type { ProxyControl } from '../core/control.ts';
import type { PlanCandidate, PlanSearch } from '../core/plan-search.ts';
import { withFix } from '../core/with-fix.ts';
import { withProxy } from './host.ts';
import { asUsage, printJson, processTerminal, readKey, type Terminal } from './terminal.ts';
import { t } from './translate.ts';

export interface SearchOptions {
  readonly baseUrl?: string;
  /** All candidates may be asked. */
  readonly yes?: boolean;
  /** One token of an answer may be asked for where nothing free tells. */
  readonly billed?: boolean;
}

type Doctor = Pick<ProxyControl, 'diagnoseKey' | 'findPlan'>;

export interface KeySearch extends PlanSearch {
  readonly candidates: readonly PlanCandidate[];
  /** Nobody agreed that the key is sent. */
  readonly isUnasked: boolean;
}

/** `accounts find`: which plan a key belongs to. */
export async function findAccount({ json, ...options }: SearchOptions & { readonly json?: boolean }): Promise<number> {
  const key = await readKey(processTerminal);
  return withProxy(async (proxy) => {
    const { isUnasked, ...search } = await searchPlan(proxy, { key, ...options }, processTerminal);
    if (json) printJson(search);
    else if (search.found) processTerminal.out(`${search.found.plan}\n`);
    return isUnasked || search.found ? 0 : 1;
  });
}

/** Names the candidates, asks for consent, and asks them one by one. Without consent nothing is sent. */
export async function searchPlan(
  proxy: Doctor,
  { key, yes = false, billed = false, baseUrl }: SearchOptions & { readonly key: string },
  terminal: Terminal,
): Promise<KeySearch> {
  const where = baseUrl === undefined ? {} : { baseUrl };
  const { candidates } = await asUsage(() => proxy.diagnoseKey({ key, ...where }));
  terminal.say(`${candidates.map(({ label, host }, index) => `${index + 1}. ${label}: ${host}`).join('\n')}\n`);
  const agreed = yes ? candidates : await askConsent(candidates, terminal);
  if (agreed.length === 0) {
    terminal.say(
      `${t('The key was sent nowhere. With --yes it is sent to these hosts in turn, until one takes it.')}\n`,
    );
    return { candidates, findings: [], isUnasked: true };
  }
  const plans = agreed.map(({ plan }) => plan);
  const search = await asUsage(() => proxy.findPlan({ key, plans, ...where, ...(billed && { billed }) }));
  for (const finding of search.findings) terminal.say(`${withFix(finding)}\n`);
  if (search.found?.models !== undefined && search.found.models.length > 0)
    terminal.say(`${t('Models: {0}', search.found.models.join(', '))}\n`);
  if (search.findings.some(({ answer }) => answer === 'unclear') && !billed)
    terminal.say(`${t('With --billed one token of an answer is asked for instead, which may be charged.')}\n`);
  return { candidates, ...search, isUnasked: false };
}

async function askConsent(candidates: readonly PlanCandidate[], terminal: Terminal): Promise<readonly PlanCandidate[]> {
  if (!terminal.isInteractive) return [];
  const answer = await terminal.ask(
    `${t('Send the key to them in turn, until one takes it? [y = all, 1,3 = some, N]')} `,
  );
  if (/^y(?:es)?$/i.test(answer)) return candidates;
  const numbers = answer.split(/[\s,]+/);
  return candidates.filter((_candidate, index) => numbers.includes(String(index + 1)));
}
