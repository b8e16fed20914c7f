/** Many changes of one moment become one announcement. */
export function createAnnouncer(announce: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    setImmediate(() => {
      isDue = false;
      announce();
    });
  };
}

/** Passes calls on, the first one at once and what follows closely together: a busy server has thousands a second. */
export function createPacer(pauseMs: number, call: () => void): () => void {
  let isPausing = false;
  let isDue = false;
  const pass = () => {
    isPausing = true;
    isDue = false;
    call();
    setTimeout(() => {
      isPausing = false;
      if (isDue) pass();
    }, pauseMs).unref();
  };
  return () => {
    if (isPausing) isDue = true;
    else pass();
  };
}
