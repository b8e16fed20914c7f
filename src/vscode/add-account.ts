import * as vscode from 'vscode';
import type { AddAccountInput, AddAccountResult, PlanSummary } from '../core/control.ts';
import { messageOf } from '../core/message-of.ts';
import { type App, type MessageAction, offer, showLogAction } from './app.ts';
import { ask } from './ask.ts';
import { planTerms } from './plan-terms.ts';
import { removeAccount, showVerdict } from './verdict.ts';

/** Asks for the key of a plan, and adds the account. */
export async function addWithKey(app: App, plan: PlanSummary): Promise<void> {
  const baseUrl = plan.needsBaseUrl ? await askBaseUrl(plan) : undefined;
  if (plan.needsBaseUrl && baseUrl === undefined) return;
  const key = await askKey(plan);
  if (key === undefined) return;
  const label = await askLabel(plan);
  if (label === undefined) return;
  const input: AddAccountInput = {
    plan: plan.name,
    key,
    probe: true,
    ...(label === '' ? {} : { label }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
  };
  await addOrAskAgain(app, plan, input);
}

async function addOrAskAgain(app: App, plan: PlanSummary, input: AddAccountInput): Promise<void> {
  const again = {
    label: vscode.l10n.t('Try Another Key'),
    run: async () => {
      const key = await askKey(plan);
      if (key !== undefined) await addOrAskAgain(app, plan, { ...input, key });
    },
  };
  await add(app, input, [again]);
}

/** Adds and probes. An account the upstream refused is kept until the user removes it or its key is replaced. */
export async function add(app: App, input: AddAccountInput, ways: readonly MessageAction[]): Promise<void> {
  const title = vscode.l10n.t('Adding the account and asking the upstream…');
  const location = vscode.ProgressLocation.Notification;
  let added: AddAccountResult;
  try {
    added = await vscode.window.withProgress({ location, title }, () => app.host.addAccount(input));
  } catch (error) {
    // The server refuses what cannot be a key of this plan; nothing was stored.
    const message = messageOf(error);
    app.log.warn(`An account was not added: ${message}`);
    return offer(vscode.window.showErrorMessage, message, [...ways, showLogAction(app)]);
  }
  const { account, verdict, terms } = added;
  if (terms !== undefined) void vscode.window.showInformationMessage(`${account.planLabel}: ${planTerms(vscode.l10n)}`);
  if (verdict === undefined) return;
  const retries = ways.map(({ label, run }) => ({
    label,
    run: async () => {
      await app.host.removeAccount(account.id);
      await run();
    },
  }));
  const remove = { label: vscode.l10n.t('Remove Account'), run: () => removeAccount(app, account) };
  await showVerdict(app, { account, verdict, ways: [...retries, remove] });
}

/** A name for a new account; empty where the plan's own shall serve. */
export function askLabel(plan: Pick<PlanSummary, 'label'>): Promise<string | undefined> {
  return ask({
    title: plan.label,
    prompt: vscode.l10n.t('A name for this account, or nothing'),
    placeholder: plan.label,
    validate: () => undefined,
  });
}

function askBaseUrl(plan: PlanSummary): Promise<string | undefined> {
  return ask({
    title: plan.label,
    prompt: vscode.l10n.t('The base URL, as your provider shows it'),
    placeholder: 'https://…/v1',
    helpUrl: plan.keyUrl,
    validate: (text) =>
      URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
        ? undefined
        : vscode.l10n.t('Enter an address that begins with https://'),
  });
}

function askKey(plan: PlanSummary): Promise<string | undefined> {
  const prompt = vscode.l10n.t('API key ({0}). It is kept in the secret storage of this editor.', plan.keyHint);
  return ask({
    title: plan.label,
    prompt,
    placeholder: plan.keyHint,
    password: true,
    helpUrl: plan.keyUrl,
    validate: (text) => (text === '' ? vscode.l10n.t('Enter a key, or press Escape to leave.') : undefined),
  });
}
