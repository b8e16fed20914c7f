import type { ActivityControl } from '../core/activity.ts';
import type { ProxyControl } from '../core/control.ts';
import type { WindowCall } from '../core/window-protocol.ts';
import type { HostedProxy } from '../core/worker-protocol.ts';

/** What a follower sends to the owner instead of doing it itself. */
export const forwardedCalls = [
  'plans',
  'addAccount',
  'removeAccount',
  'setAccountEnabled',
  'moveAccount',
  'setAccountGroup',
  'setAccountLimit',
  'setAccountBillingDay',
  'clearAccount',
  'testAccount',
  'diagnoseKey',
  'findPlan',
  'exportAccounts',
  'importAccounts',
  'importHeadlessAccounts',
  'linkableFiles',
  'linkAccount',
  'startSignIn',
  'pollSignIn',
  'cancelSignIn',
  'localKey',
  'rotateKey',
  'setInspecting',
  'inspectRequest',
  'accountModels',
] as const satisfies readonly (keyof (ProxyControl & ActivityControl))[];
export type ForwardedCall = (typeof forwardedCalls)[number];

/** Runs what a follower asks for; the list is the owner's, whatever the follower names. */
export function createWindowCalls(
  proxy: () => HostedProxy | undefined,
  yieldPort: () => Promise<void>,
): (call: WindowCall) => Promise<unknown> {
  return async ({ method, args }) => {
    if (method === 'yield') return void afterAnswer(yieldPort);
    const target = proxy();
    if (target === undefined) throw new Error('The proxy is not ready.');
    if (method === 'stop') return void afterAnswer(() => target.stop());
    const name = forwardedCalls.find((candidate) => candidate === method);
    if (name === undefined) throw new Error(`Windows do not call ${method}.`);
    return (target[name] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
  };
}

/** What closes the connections of this very call waits until its answer has gone out. */
function afterAnswer(work: () => Promise<unknown>): void {
  setTimeout(() => void work().catch(() => {}), 20);
}

/** Every forwarded call, made by `forward`. */
export function forwardCalls(
  forward: <Name extends ForwardedCall>(name: Name) => HostedProxy[Name],
): Pick<HostedProxy, ForwardedCall> {
  return {
    plans: forward('plans'),
    addAccount: forward('addAccount'),
    removeAccount: forward('removeAccount'),
    setAccountEnabled: forward('setAccountEnabled'),
    moveAccount: forward('moveAccount'),
    setAccountGroup: forward('setAccountGroup'),
    setAccountLimit: forward('setAccountLimit'),
    setAccountBillingDay: forward('setAccountBillingDay'),
    clearAccount: forward('clearAccount'),
    testAccount: forward('testAccount'),
    diagnoseKey: forward('diagnoseKey'),
    findPlan: forward('findPlan'),
    exportAccounts: forward('exportAccounts'),
    importAccounts: forward('importAccounts'),
    importHeadlessAccounts: forward('importHeadlessAccounts'),
    linkableFiles: forward('linkableFiles'),
    linkAccount: forward('linkAccount'),
    startSignIn: forward('startSignIn'),
    pollSignIn: forward('pollSignIn'),
    cancelSignIn: forward('cancelSignIn'),
    localKey: forward('localKey'),
    rotateKey: forward('rotateKey'),
    setInspecting: forward('setInspecting'),
    inspectRequest: forward('inspectRequest'),
    accountModels: forward('accountModels'),
  };
}

/** What every window does for itself: they share the files, and years of them are more than an answer between windows holds. */
export function ownCalls({ exportUsage, usageSummary, watchRequests }: HostedProxy) {
  return { exportUsage, usageSummary, watchRequests };
}
