import { after, before, beforeEach } from 'mocha';
import { Simulator, type SimulatorOptions } from '../simulator/simulator.ts';

export interface SuiteSimulatorOptions extends SimulatorOptions {
  /** Valid credentials when a test begins. */
  readonly keys?: readonly string[];
}

/** A simulated Qwen for the suite that calls this: listens while it runs, as good as new for each of its tests. */
export function useSimulator({ keys = [], ...options }: SuiteSimulatorOptions = {}): Simulator {
  const simulator = new Simulator(options);
  before(() => simulator.listen(options.port ?? 0));
  beforeEach(() => {
    simulator.reset();
    for (const key of keys) simulator.addKey(key);
  });
  after(() => simulator.close());
  return simulator;
}
