/** A sentence and its way out, on one line. */
export function withFix({ message, fix }: { readonly message: string; readonly fix?: string }): string {
  return fix === undefined ? message : `${message} ${fix}`;
}
