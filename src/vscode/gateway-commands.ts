import type { CommandId } from './command-ids.ts';
import type { Translator } from './translator.ts';

/** What the administrator of a gateway does there, and a window that follows it cannot. The manifest hides them. */
export const administeredCommands: readonly CommandId[] = [
  'qwenProxy.login',
  'qwenProxy.addAccount',
  'qwenProxy.removeAccount',
  'qwenProxy.testAccount',
  'qwenProxy.signIn',
  'qwenProxy.tryDemo',
  'qwenProxy.enableAccount',
  'qwenProxy.disableAccount',
  'qwenProxy.clearAccount',
  'qwenProxy.moveAccountUp',
  'qwenProxy.accountActions',
  'qwenProxy.exportAccounts',
  'qwenProxy.importAccounts',
  'qwenProxy.exportUsage',
  'qwenProxy.stop',
  'qwenProxy.freePort',
  'qwenProxy.rotateApiKey',
  'qwenProxy.keepRunning',
];

/** Why not, and the way out. */
export const administeredText = (l10n: Translator): string =>
  l10n.t(
    'This window uses a team gateway, which is administered where it runs. To use accounts of your own, run "Qwen: Disconnect from the Team Gateway".',
  );
