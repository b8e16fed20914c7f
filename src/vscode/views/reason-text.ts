import type { Translator } from '../translator.ts';

/** Why an attempt failed, in a few words; a code without words of its own stands for itself. */
export function describeReason(code: string, l10n: Translator): string {
  switch (code) {
    case 'invalid_request':
      return l10n.t('the request was refused');
    case 'context_too_long':
      return l10n.t('the conversation is too long for the model');
    case 'content_filtered':
      return l10n.t('the content was refused');
    case 'client_rejected':
      return l10n.t('the plan does not accept this client');
    case 'unauthorized':
    case 'token_expired':
      return l10n.t('the credential was refused');
    case 'billing':
    case 'service_ended':
      return l10n.t('the plan has ended or is unpaid');
    case 'quota_exhausted':
    case 'quota_soft':
      return l10n.t('the quota is used up');
    case 'rate_limited':
    case 'token_rate_limited':
    case 'burst':
      return l10n.t('too many requests');
    case 'concurrency':
      return l10n.t('too many requests at once');
    case 'model_not_found':
    case 'model_not_allowed':
      return l10n.t('the account does not have the model');
    case 'upstream_error':
    case 'upstream_overloaded':
      return l10n.t('the upstream had a fault');
    case 'upstream_timeout':
      return l10n.t('the upstream was silent');
    case 'upstream_unreachable':
      return l10n.t('the upstream could not be reached');
    case 'client_gone':
      return l10n.t('the client left');
    case 'no_account':
      return l10n.t('there is no account');
    case 'accounts_cooling':
      return l10n.t('no account was ready');
    default:
      return code;
  }
}
