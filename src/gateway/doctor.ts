import type { Account } from '../accounts/account.ts';
import { candidatePlans, diagnose } from '../accounts/doctor.ts';
import { InputError } from '../core/input-error.ts';
import type { FindPlanInput, KeyDiagnosis, PlanCandidate, PlanFinding, PlanSearch } from '../core/plan-search.ts';
import type { Endpoints } from '../core/upstream.ts';
import { type Plan, plan, planEndpoints, plans, validateBaseUrl } from '../upstream/plans.ts';
import { checkedKey } from './account-input.ts';
import type { UpstreamCheck } from './upstream-check.ts';

export interface DoctorOptions {
  readonly check: UpstreamCheck;
  readonly planEndpoints?: (plan: Plan) => Endpoints | undefined;
}

/** Finds out which plan a key belongs to. It stores nothing, and sends a key only where the user agreed to. */
export interface Doctor {
  diagnoseKey(input: { readonly key: string; readonly baseUrl?: string }): Promise<KeyDiagnosis>;
  findPlan(input: FindPlanInput): Promise<PlanSearch>;
}

export function createDoctor(options: DoctorOptions): Doctor {
  const candidatesOf = (key: string, baseUrl: string | undefined): readonly PlanCandidate[] =>
    plansFor(key, baseUrl).map((chosen) => {
      const endpoints = options.planEndpoints?.(chosen) ?? planEndpoints(chosen, { baseUrl });
      return { plan: chosen.name, label: chosen.label, host: new URL(endpoints.openai).host };
    });

  const ask = async (candidate: PlanCandidate, input: FindPlanInput): Promise<PlanFinding> => {
    const key = checkedKey(input.key);
    const isBilled = input.billed === true;
    const result = await options.check(temporaryAccount(candidate, key, input.baseUrl), isBilled);
    if (!result.ok) return { ...candidate, ...diagnose(result.error, { label: candidate.label, key, isBilled }) };
    return { ...candidate, answer: 'works', message: `${candidate.label} takes this key.`, models: result.models };
  };

  return {
    async diagnoseKey({ key, baseUrl }) {
      return { candidates: candidatesOf(checkedKey(key), baseUrl) };
    },

    async findPlan(input) {
      const candidates = candidatesOf(checkedKey(input.key), input.baseUrl);
      const strange = input.plans.find((name) => !candidates.some((candidate) => candidate.plan === name));
      if (strange !== undefined) throw new InputError(`"${strange}" is no plan that this key can belong to.`);
      const findings: PlanFinding[] = [];
      for (const candidate of candidates.filter(({ plan: name }) => input.plans.includes(name))) {
        const finding = await ask(candidate, input);
        findings.push(finding);
        if (finding.answer === 'works' || finding.answer === 'tools-only') return { findings, found: finding };
      }
      const known = findings.find(({ answer }) => answer === 'known');
      return { findings, ...(known && { found: known }) };
    },
  };
}

function plansFor(key: string, baseUrl: string | undefined): readonly Plan[] {
  if (baseUrl !== undefined && baseUrl.trim() !== '') return [planAt(baseUrl)];
  const found = candidatePlans(key)
    .map((name) => plan(name))
    .filter((each) => each !== undefined);
  if (found.length === 0)
    throw new InputError(
      'This does not look like a key of Qwen, which begins with "sk-". It was not sent anywhere; if it is right, add it with its plan or base URL.',
    );
  return found;
}

/** A base URL names its plan: the fixed host of one, a workspace, or an endpoint of the user's own. */
function planAt(baseUrl: string): Plan {
  const fixed = plans.find(
    ({ endpoints }) =>
      endpoints && URL.canParse(baseUrl.trim()) && new URL(endpoints.openai).host === new URL(baseUrl.trim()).host,
  );
  const name = validateBaseUrl('workspace', baseUrl).ok ? 'workspace' : 'custom';
  const chosen = fixed ?? plan(name);
  if (chosen === undefined) throw new InputError('There is no plan for a base URL.');
  if (fixed === undefined) {
    const verdict = validateBaseUrl(name, baseUrl);
    if (!verdict.ok) throw new InputError(verdict.message);
  }
  return chosen;
}

/** An account for one question: it is in no store, and nothing remembers it. */
function temporaryAccount({ plan: name, label }: PlanCandidate, key: string, baseUrl: string | undefined): Account {
  return {
    version: 1,
    id: '',
    label,
    plan: name,
    kind: 'api-key',
    enabled: true,
    order: 0,
    createdAtMs: 0,
    secret: { key },
    ...(baseUrl !== undefined && { baseUrl }),
  };
}
