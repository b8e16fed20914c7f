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
