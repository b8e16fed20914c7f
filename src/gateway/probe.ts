import type { Account } from '../accounts/account.ts';
import { toolGate } from '../accounts/doctor.ts';
import type { ProbeVerdict } from '../core/control.ts';
import { plan } from '../upstream/plans.ts';
import type { UpstreamCheck } from './upstream-check.ts';

/** Asks the upstream whether an account works, and puts the answer into words. */
export type Probe = (account: Account, options?: { readonly billed?: boolean }) => Promise<ProbeVerdict>;

export function createProbe(check: UpstreamCheck): Probe {
  return async (account, options) => {
    const isBilled = options?.billed === true;
    const result = await check(account, isBilled);
    const { durationMs } = result;
    const label = plan(account.plan)?.label ?? account.plan;
    if (result.ok) {
      const { models } = result;
      const count = models.length === 1 ? ': 1 model' : models.length > 1 ? `: ${models.length} models` : '';
      return { ok: true, message: `Connected to ${label}${count}.`, models, durationMs };
    }
    const { code, message, fix } = result.error;
    // An OpenAI-compatible server need not list its models: only an answer can tell then.
    const needsBilledTest = code === 'wrong_path' && account.plan === 'custom' && !isBilled;
    const ways = [
      ...(fix === undefined ? [] : [fix]),
      ...(needsBilledTest ? ['Or test it with one token of an answer, which may be billed.'] : []),
    ];
    return {
      ok: false,
      message:
        code === 'client_rejected'
          ? `The key is right and stays ready. ${toolGate(label)} It said: ${message}`
          : message,
      code,
      ...(ways.length > 0 && { fix: ways.join(' ') }),
      ...(needsBilledTest && { needsBilledTest }),
      durationMs,
    };
  };
}
