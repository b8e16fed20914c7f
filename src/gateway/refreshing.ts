import { keepTokensFresh, type TokenRefreshOptions } from '../accounts/token-refresh.ts';

/** Keeps tokens fresh while this proxy is the one that serves. */
export interface Refreshing {
  /** Begins or ends, by whether it serves now. */
  follow(isServing: boolean): void;
  stop(): void;
}

export function createRefreshing(options: TokenRefreshOptions): Refreshing {
  let running: AbortController | undefined;
  const stop = () => {
    running?.abort();
    running = undefined;
  };
  return {
    follow(isServing) {
      if (!isServing) return stop();
      if (running !== undefined) return;
      running = new AbortController();
      void keepTokensFresh(options, running.signal);
    },
    stop,
  };
}
