import type { ActivityControl } from '../core/activity.ts';
import type { ProxyControl } from '../core/control.ts';

/** The calls that go to the server as they are; loading it comes first. */
export function forwardControl(
  proxy: () => Promise<ProxyControl & ActivityControl>,
): Omit<ProxyControl & ActivityControl, 'start' | 'stop' | 'snapshot' | 'watchRequests'> {
  return {
    plans: async () => (await proxy()).plans(),
    addAccount: async (input) => (await proxy()).addAccount(input),
    removeAccount: async (id) => (await proxy()).removeAccount(id),
    setAccountEnabled: async (id, enabled) => (await proxy()).setAccountEnabled(id, enabled),
    moveAccount: async (id, index) => (await proxy()).moveAccount(id, index),
    setAccountGroup: async (id, group) => (await proxy()).setAccountGroup(id, group),
    setAccountLimit: async (id, limit) => (await proxy()).setAccountLimit(id, limit),
    setAccountBillingDay: async (id, day) => (await proxy()).setAccountBillingDay(id, day),
    exportUsage: async () => (await proxy()).exportUsage(),
    clearAccount: async (id) => (await proxy()).clearAccount(id),
    testAccount: async (id, options) => (await proxy()).testAccount(id, options),
    diagnoseKey: async (input) => (await proxy()).diagnoseKey(input),
    findPlan: async (input) => (await proxy()).findPlan(input),
    exportAccounts: async (input) => (await proxy()).exportAccounts(input),
    importAccounts: async (input) => (await proxy()).importAccounts(input),
    importHeadlessAccounts: async () => (await proxy()).importHeadlessAccounts(),
    linkableFiles: async () => (await proxy()).linkableFiles(),
    linkAccount: async (input) => (await proxy()).linkAccount(input),
    startSignIn: async (input) => (await proxy()).startSignIn(input),
    pollSignIn: async (handle) => (await proxy()).pollSignIn(handle),
    cancelSignIn: async (handle) => (await proxy()).cancelSignIn(handle),
    usageSummary: async (query) => (await proxy()).usageSummary(query),
    setInspecting: async (isOn) => (await proxy()).setInspecting(isOn),
    inspectRequest: async (id) => (await proxy()).inspectRequest(id),
    accountModels: async (id) => (await proxy()).accountModels(id),
    localKey: async () => (await proxy()).localKey(),
    rotateKey: async () => (await proxy()).rotateKey(),
  };
}
