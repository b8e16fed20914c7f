/** Requests that a signal ends: one listener for all, because `AbortSignal.any` costs each of them 20 µs. */
export function openUntil(stopping: AbortSignal): Set<AbortController> {
  const open = new Set<AbortController>();
  const end = () => {
    for (const each of open) each.abort(stopping.reason);
  };
  stopping.addEventListener('abort', end, { once: true });
  return open;
}
