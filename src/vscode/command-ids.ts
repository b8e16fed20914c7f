/** Every command, in the order of the manifest. */
export const commandIds = [
  'qwenProxy.login',
  'qwenProxy.addAccount',
  'qwenProxy.removeAccount',
  'qwenProxy.testAccount',
  'qwenProxy.showAccounts',
  'qwenProxy.signIn',
  'qwenProxy.tryDemo',
  'qwenProxy.enableAccount',
  'qwenProxy.disableAccount',
  'qwenProxy.clearAccount',
  'qwenProxy.moveAccountUp',
  'qwenProxy.accountActions',
  'qwenProxy.showDashboard',
  'qwenProxy.exportAccounts',
  'qwenProxy.importAccounts',
  'qwenProxy.exportUsage',
  'qwenProxy.start',
  'qwenProxy.stop',
  'qwenProxy.restart',
  'qwenProxy.freePort',
  'qwenProxy.copyEndpoint',
  'qwenProxy.copyApiKey',
  'qwenProxy.showDiagnostics',
  'qwenProxy.showLog',
] as const;

export type CommandId = (typeof commandIds)[number];
