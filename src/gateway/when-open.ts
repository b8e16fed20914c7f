import type { AccountControl } from './account-control.ts';

/** Lets every call wait until the stores have been read. */
export type WhenOpen = <Arguments extends unknown[], Result>(
  work: (...args: Arguments) => Promise<Result>,
) => (...args: Arguments) => Promise<Result>;

export function createWhenOpen(opened: Promise<void>): WhenOpen {
  return (work) =>
    async (...args) => {
      await opened;
      return await work(...args);
    };
}

/** The account control behind that wait. */
export function accountControlWhenOpen(whenOpen: WhenOpen, control: AccountControl): AccountControl {
  return {
    plans: whenOpen(control.plans),
    addAccount: whenOpen(control.addAccount),
    removeAccount: whenOpen(control.removeAccount),
    setAccountEnabled: whenOpen(control.setAccountEnabled),
    moveAccount: whenOpen(control.moveAccount),
    setAccountGroup: whenOpen(control.setAccountGroup),
    setAccountLimit: whenOpen(control.setAccountLimit),
    setAccountBillingDay: whenOpen(control.setAccountBillingDay),
    clearAccount: whenOpen(control.clearAccount),
    testAccount: whenOpen(control.testAccount),
    diagnoseKey: whenOpen(control.diagnoseKey),
    findPlan: whenOpen(control.findPlan),
    exportAccounts: whenOpen(control.exportAccounts),
    importAccounts: whenOpen(control.importAccounts),
    importHeadlessAccounts: whenOpen(control.importHeadlessAccounts),
    linkableFiles: whenOpen(control.linkableFiles),
    linkAccount: whenOpen(control.linkAccount),
    startSignIn: whenOpen(control.startSignIn),
    pollSignIn: whenOpen(control.pollSignIn),
    cancelSignIn: whenOpen(control.cancelSignIn),
  };
}
