import type { AccountKindName } from '../../core/control.ts';
import type { GatewayError } from '../../core/errors.ts';
import type { Endpoints, UpstreamRequest, UpstreamResponse } from '../../core/upstream.ts';
import type { Account, AccountOf } from '../account.ts';

/** What an attempt needs to speak for an account: the header value is a credential and is never logged. */
export interface Credential {
  readonly authorization: string;
  readonly endpoints: Endpoints;
}

/**
 * One kind of account: how a stored account becomes a credential, and what can be done when the upstream refuses it.
 * Kinds hold no account state of their own beyond refreshes: those in flight, and which tokens they brought.
 */
export interface AccountKind<Kind extends AccountKindName = AccountKindName> {
  readonly name: Kind;
  /** @throws GatewayError when the account cannot get a credential (refresh refused, endpoint down). */
  credential(account: AccountOf<Kind>, signal: AbortSignal): Promise<Credential>;
  /**
   * Called whenever an upstream refused `used`, so again with what it gave: a fresh credential to try again with, or the error that
   * stands (the same, or a clearer one).
   */
  recover(
    account: AccountOf<Kind>,
    used: Credential,
    error: GatewayError,
    signal: AbortSignal,
  ): Promise<Credential | GatewayError>;
  /** Kinds that answer by themselves, in-process; others go through the transport. */
  readonly send?: (request: UpstreamRequest, signal: AbortSignal) => Promise<UpstreamResponse>;
}

/** The kinds by name: one list, made in the composition root. */
export type AccountKinds = { readonly [Kind in AccountKindName]: AccountKind<Kind> };

/** Picks the kind of an account, with the account narrowed to it. */
export function kindOf(kinds: AccountKinds, account: Account): BoundKind {
  switch (account.kind) {
    case 'api-key':
      return bind(kinds['api-key'], account);
    case 'oauth-device':
      return bind(kinds['oauth-device'], account);
    case 'demo':
      return bind(kinds.demo, account);
  }
}

/** A kind with its account filled in. */
export interface BoundKind {
  credential(signal: AbortSignal): Promise<Credential>;
  recover(used: Credential, error: GatewayError, signal: AbortSignal): Promise<Credential | GatewayError>;
  readonly send: ((request: UpstreamRequest, signal: AbortSignal) => Promise<UpstreamResponse>) | undefined;
}

function bind<Kind extends AccountKindName>(kind: AccountKind<Kind>, account: AccountOf<Kind>): BoundKind {
  return {
    credential: (signal) => kind.credential(account, signal),
    recover: (used, error, signal) => kind.recover(account, used, error, signal),
    send: kind.send,
  };
}
