import type { AccountSummary, ProbeVerdict } from './control.ts';

/** A started device flow. The verifier, the device code and the tokens stay in the server. */
export interface SignInStart {
  /** Opaque handle of the flow for {@link ProxyControl.pollSignIn}. */
  readonly handle: string;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string;
  readonly expiresAtMs: number;
  /** Wait at least this long between polls. */
  readonly intervalMs: number;
}

export type SignInPoll =
  | { readonly status: 'pending'; readonly intervalMs: number; readonly slowDown: boolean }
  | { readonly status: 'complete'; readonly account: AccountSummary; readonly verdict: ProbeVerdict }
  | { readonly status: 'expired' | 'denied' }
  | { readonly status: 'failed'; readonly message: string };
