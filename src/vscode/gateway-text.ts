import type { ProxySnapshot } from '../core/control.ts';
import type { FollowedGateway, GatewayProblem } from '../core/followed-gateway.ts';
import type { CommandId } from './command-ids.ts';
import type { GatewayUrlFault } from './gateway-url.ts';
import type { Translator } from './translator.ts';

/** What keeps a window from following its gateway, in a few words; what to do next is in the label. */
export function gatewayProblemName(problem: GatewayProblem, l10n: Translator): string {
  switch (problem) {
    case 'gateway_url':
      return l10n.t('the address of the team gateway cannot be used');
    case 'gateway_key_missing':
      return l10n.t('the team gateway needs a key');
    case 'gateway_key_refused':
      return l10n.t('the team gateway refuses the key');
    case 'gateway_forbidden':
      return l10n.t('the team gateway refuses this editor');
    case 'gateway_unreachable':
      return l10n.t('the team gateway cannot be reached; it is tried again');
    case 'gateway_version':
      return l10n.t('the team gateway has another version');
  }
}

/** What the status bar shows of such a problem, and what a click does about it. */
export function gatewayProblemHeadline(
  problem: GatewayProblem,
  l10n: Translator,
): {
  readonly text: string;
  readonly label: string;
  readonly background: 'warning' | 'error';
  readonly command: CommandId;
} {
  const name = gatewayProblemName(problem, l10n);
  switch (problem) {
    case 'gateway_key_missing':
    case 'gateway_key_refused':
      return {
        text: l10n.t('$(key) Qwen: Enter Key'),
        label: l10n.t('Qwen Proxy: {0}. Press to enter one.', name),
        background: 'warning',
        command: 'qwenProxy.connectGateway',
      };
    case 'gateway_url':
      return {
        text: l10n.t('$(error) Qwen: Gateway'),
        label: l10n.t('Qwen Proxy: {0}. Press to enter another one.', name),
        background: 'error',
        command: 'qwenProxy.connectGateway',
      };
    case 'gateway_forbidden':
    case 'gateway_unreachable':
    case 'gateway_version':
      return {
        text: l10n.t('$(error) Qwen: Gateway'),
        label: l10n.t('Qwen Proxy: {0}. Press to try now.', name),
        background: 'error',
        command: 'qwenProxy.start',
      };
  }
}

/** Which gateway is followed, and as whom. */
export function describeGateway({ version = '', scope }: FollowedGateway, l10n: Translator): string {
  return scope === 'admin'
    ? l10n.t('client of the team gateway (version {0}), as administrator', version)
    : l10n.t('client of the team gateway (version {0})', version);
}

/** How many accounts can serve, whoever may see them. */
export function readinessOf({ gateway, accounts }: ProxySnapshot): { readonly ready: number; readonly total: number } {
  return (
    gateway?.readiness ?? {
      ready: accounts.filter(({ state }) => state === 'ready').length,
      total: accounts.length,
    }
  );
}

/** Why an address will not do. */
export function describeUrlFault(fault: GatewayUrlFault, l10n: Translator): string {
  switch (fault) {
    case 'no-url':
      return l10n.t('Enter the address as it is in a browser, such as https://qwen.example.com.');
    case 'not-plain':
      return l10n.t('Enter the address without user, query and fragment.');
    case 'not-secure':
      return l10n.t('http would send your key in clear: use https. http is for this machine alone.');
  }
}
