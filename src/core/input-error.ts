/** A mistake in what the user gave; the message says what to write instead. */
export class InputError extends Error {
  override readonly name = 'InputError';
}
