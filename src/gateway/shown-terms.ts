import type { StateStore } from '../core/contracts.ts';
import { isJsonObject } from '../core/json.ts';
import { plan } from '../upstream/plans.ts';

const documentName = 'terms-shown';

/** Which plans' terms this install has shown. */
export interface ShownTerms {
  /** The plan's terms the first time it is asked for, and never again. */
  take(planName: string): Promise<string | undefined>;
}

export function createShownTerms(state: StateStore): ShownTerms {
  let turn: Promise<unknown> = Promise.resolve();

  const take = async (planName: string): Promise<string | undefined> => {
    const terms = plan(planName)?.terms;
    if (terms === undefined) return undefined;
    const document = await state.read(documentName);
    const shown = isJsonObject(document) && Array.isArray(document.plans) ? document.plans : [];
    if (shown.includes(planName)) return undefined;
    await state.write(documentName, { plans: [...shown, planName] });
    return terms;
  };

  return {
    take(planName) {
      const taken = turn.then(() => take(planName));
      turn = taken.catch(() => {});
      return taken;
    },
  };
}
