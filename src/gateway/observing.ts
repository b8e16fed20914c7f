import type { Logger } from '../core/contracts.ts';
import { type Activity, type ActivityOptions, createActivity } from './activity.ts';
import { createMetrics, type Metrics, type MetricsOptions } from './metrics.ts';
import { logRequest } from './request-line.ts';

export interface ObservingOptions extends ActivityOptions, MetricsOptions {
  readonly logger: Logger;
}

/** Everything that is told of requests: hosts, the metrics and the log. */
export interface Observing extends Activity {
  readonly metrics: Metrics;
}

export function createObserving(options: ObservingOptions): Observing {
  const activity = createActivity(options);
  const metrics = createMetrics(options);
  return {
    ...activity,
    metrics,
    note(traced, ending) {
      activity.note(traced, ending);
      metrics.note(traced, ending);
      // An editor's log is read by people, who have the request list.
      if (ending !== undefined && options.mode === 'headless') logRequest(options.logger, traced, ending);
    },
  };
}
