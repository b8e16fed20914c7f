/** A mistake of the caller: its message on stderr and exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
