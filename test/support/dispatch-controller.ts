import type { Dispatcher } from 'undici';

/** What undici lets a handler ask of its connection, noted down. */
export function createDispatchController(asked: string[] = [], onResume: () => void = () => {}) {
  const controller: Dispatcher.DispatchController = {
    aborted: false,
    paused: false,
    reason: null,
    rawHeaders: null,
    rawTrailers: null,
    abort: () => void asked.push('abort'),
    pause: () => void asked.push('pause'),
    resume() {
      asked.push('resume');
      onResume();
    },
  };
  return controller;
}
