import type { ErrorCode, GatewayError } from '../core/errors.ts';
import type { PlanAnswer } from '../core/plan-search.ts';

/** Plan keys: the prefix tells neither the plan nor the region. */
const planKey = /^sk-(?:sp|tok)-/;

/** The plans a key may belong to by its shape, in the order to ask them; none for a key of no known shape. */
export function candidatePlans(key: string): readonly string[] {
  if (planKey.test(key)) return ['coding-intl', 'coding-cn', 'token-intl', 'token-cn'];
  if (/^sk-./.test(key)) return ['standard-intl', 'standard-cn', 'standard-us', 'standard-hk'];
  return [];
}

/** What a failure says about the key and the plan that was asked. */
export interface Diagnosis {
  readonly answer: PlanAnswer;
  readonly message: string;
  readonly fix?: string;
}

/** Refusals that an upstream gives only to a key it knows. */
const limits: readonly ErrorCode[] = [
  'quota_exhausted',
  'quota_soft',
  'rate_limited',
  'token_rate_limited',
  'burst',
  'concurrency',
];

/** Puts a plan's refusal into a sentence with the way out. */
export function diagnose(
  error: GatewayError,
  { label, key, isBilled }: { readonly label: string; readonly key: string; readonly isBilled: boolean },
): Diagnosis {
  const { code, message, fix } = error;
  const withFix = (answer: PlanAnswer, text: string, way = fix): Diagnosis => ({
    answer,
    message: text,
    ...(way !== undefined && { fix: way }),
  });
  if (code === 'client_rejected')
    return withFix('tools-only', `The key is right. ${toolGate(label)}`, 'Add it: it stays ready for such tools.');
  if (code === 'billing')
    return withFix(
      'known',
      `${label} knows this key, but the plan is unpaid, has lapsed or was never bought: ${message}`,
    );
  if (limits.includes(code)) return withFix('known', `${label} knows this key, but a limit is reached: ${message}`);
  if (error.upstreamCode === 'App.AccessDenied')
    return withFix('known', `${label} knows this key, but it is not of the default workspace.`);
  if (code === 'access_denied' || code === 'model_not_allowed' || code === 'model_not_found')
    return withFix('known', `${label} knows this key, but refuses the call: ${message}`);
  if (code === 'unauthorized' || code === 'token_expired') return refusal(error, label, key);
  if (code === 'wrong_path')
    return isBilled
      ? withFix('unreachable', `${label} has no chat endpoint at this address: ${message}`)
      : withFix('unclear', `${label} has no free call that could tell: ${message}`);
  if (error.scope === 'provider') return withFix('unreachable', `${label} could not be asked: ${message}`);
  return withFix('unclear', `${label} gave no answer about the key: ${message}`);
}

/** Why our own request was refused although the key is right. */
export function toolGate(label: string): string {
  return `${label} answers accepted coding tools only, and refused our own request (405).`;
}

function refusal({ upstreamStatus }: GatewayError, label: string, key: string): Diagnosis {
  // The general hosts word a plan's key so, whatever its region.
  if (upstreamStatus === 403 && !planKey.test(key))
    return {
      answer: 'refused',
      message: `${label} says that this is the key of a Coding Plan or Token Plan.`,
      fix: 'Ask those plans instead: such a key works only on its own host.',
    };
  return {
    answer: 'refused',
    message: `${label} does not know this key: it is of another region or plan, or was deleted.`,
    fix: 'Ask the other regions and plans; if none knows it, copy the key again from the console.',
  };
}
