/** Which plan a key belongs to: what may be asked, and what the plans said. Plain data, as all of the control surface. */

/** A plan that a key may belong to, and the host it would be sent to. */
export interface PlanCandidate {
  readonly plan: string;
  readonly label: string;
  readonly host: string;
}

/** Which plans a key may belong to, in the order they would be asked. Nothing was sent to tell it. */
export interface KeyDiagnosis {
  readonly candidates: readonly PlanCandidate[];
}

/**
 * What one candidate said: `works`; `tools-only` = the key is right, and the plan answers accepted coding tools only;
 * `known` = the key is right, and something else stands in the way; `unclear` = no free call tells.
 */
export type PlanAnswer = 'works' | 'tools-only' | 'known' | 'refused' | 'unreachable' | 'unclear';

/** One candidate's answer, as a sentence for a person. */
export interface PlanFinding extends PlanCandidate {
  readonly answer: PlanAnswer;
  readonly message: string;
  /** The way out, one sentence. */
  readonly fix?: string;
  readonly models?: readonly string[];
}

export interface FindPlanInput {
  readonly key: string;
  /** The plans the user agreed to ask; the key is sent to no other host. */
  readonly plans: readonly string[];
  /** For `custom` and `workspace`. */
  readonly baseUrl?: string;
  /** Ask for one token of an answer where nothing free tells; only after the user's own yes. */
  readonly billed?: boolean;
}

/** Every plan that was asked, and the best of them: the first that takes the key, else one that knows it. */
export interface PlanSearch {
  readonly findings: readonly PlanFinding[];
  readonly found?: PlanFinding;
}
