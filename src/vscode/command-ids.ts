/** Every command, in the order of the manifest. */
export const commandIds = [
  'qwenProxy.login',
  'qwenProxy.addAccount',
  'qwenProxy.removeAccount',
  'qwenProxy.testAccount',
  'qwenProxy.showAccounts',
  'qwenProxy.exportAccounts',
  'qwenProxy.importAccounts',
  'qwenProxy.exportUsage',
  'qwenProxy.start',
  'qwenProxy.stop',
  'qwenProxy.restart',
  'qwenProxy.freePort',
  'qwenProxy.copyEndpoint',
  'qwenProxy.copyApiKey',
  'qwenProxy.configureClient',
  'qwenProxy.undoClient',
  'qwenProxy.keepRunning',
  'qwenProxy.showLog',
] as const;

export type CommandId = (typeof commandIds)[number];
