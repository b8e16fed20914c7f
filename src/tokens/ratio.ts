/** How upstreams count compared with us, a model at a time. */
export interface RatioBook {
  /** Upstream tokens to ours; 1 while nothing is known. */
  ratio(model: string): number;
  learn(model: string, counted: number, actual: number): void;
}

/** Below it the few tokens that an upstream adds to every prompt would be taken for a ratio. */
const leastCounted = 256;
const [lowest, highest] = [0.7, 1.3];
/** What one answer is worth once there were several. */
const leastWeight = 0.1;
const mostModels = 256;

/** A bounded moving average: the mean of the first answers, then an exponential one. */
export function createRatioBook(): RatioBook {
  const learned = new Map<string, { readonly ratio: number; readonly answers: number }>();
  return {
    ratio: (model) => learned.get(model.toLowerCase())?.ratio ?? 1,
    learn(model, counted, actual) {
      if (!(counted >= leastCounted) || !(actual > 0) || !Number.isFinite(actual)) return;
      const key = model.toLowerCase();
      const { ratio, answers } = learned.get(key) ?? { ratio: 1, answers: 0 };
      const seen = Math.min(highest, Math.max(lowest, actual / counted));
      const weight = Math.max(leastWeight, 1 / (answers + 1));
      learned.delete(key);
      learned.set(key, { ratio: ratio + weight * (seen - ratio), answers: answers + 1 });
      const oldest = learned.keys().next().value;
      if (learned.size > mostModels && oldest !== undefined) learned.delete(oldest);
    },
  };
}
