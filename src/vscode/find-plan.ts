import * as vscode from 'vscode';
import type { PlanAnswer, PlanCandidate, PlanFinding } from '../core/plan-search.ts';
import { withFix } from '../core/with-fix.ts';
import { add, askLabel } from './add-account.ts';
import type { App } from './app.ts';
import { ask } from './ask.ts';

const icons: Readonly<Record<PlanAnswer, string>> = {
  works: 'pass',
  'tools-only': 'tools',
  known: 'warning',
  refused: 'error',
  unreachable: 'debug-disconnect',
  unclear: 'question',
};

/** A key whose plan nobody knows: which hosts may see it, what each of them says, and the account to add. */
export async function findPlan(app: App): Promise<void> {
  const title = vscode.l10n.t('Find the plan of a key');
  const key = await ask({
    title,
    prompt: vscode.l10n.t('API key. It is sent nowhere before you have chosen where.'),
    placeholder: 'sk-…',
    password: true,
    validate: (text) => (text === '' ? vscode.l10n.t('Enter a key, or press Escape to leave.') : undefined),
  });
  if (key === undefined) return;
  const { candidates } = await app.host.diagnoseKey({ key });
  const agreed = await vscode.window.showQuickPick(
    candidates.map((candidate) => ({
      label: candidate.label,
      description: candidate.host,
      picked: true,
      candidate,
    })),
    {
      title,
      placeHolder: vscode.l10n.t('The key is sent to these hosts in turn, until one takes it'),
      canPickMany: true,
      ignoreFocusOut: true,
    },
  );
  if (agreed === undefined || agreed.length === 0) return;
  const findings = await askInTurn(
    app,
    key,
    agreed.map(({ candidate }) => candidate),
  );
  const chosen = await chooseFinding(findings);
  if (chosen === undefined) return;
  const label = await askLabel(chosen);
  if (label === undefined) return;
  await add(app, { plan: chosen.plan, key, probe: true, ...(label !== '' && { label }) }, []);
}

/** One call a host, so that the progress names each, and a cancel keeps the key from the rest. */
function askInTurn(app: App, key: string, candidates: readonly PlanCandidate[]): Thenable<readonly PlanFinding[]> {
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: vscode.l10n.t('Looking for the plan of the key'),
    cancellable: true,
  };
  return vscode.window.withProgress(options, async (progress, token) => {
    const findings: PlanFinding[] = [];
    for (const { plan, host } of candidates) {
      if (token.isCancellationRequested) break;
      progress.report({ message: vscode.l10n.t('asking {0}', host), increment: 100 / candidates.length });
      const search = await app.host.findPlan({ key, plans: [plan] });
      findings.push(...search.findings);
      if (search.found?.answer === 'works' || search.found?.answer === 'tools-only') break;
    }
    return findings;
  });
}

/** Every host's answer; those that know the key can be chosen. */
async function chooseFinding(findings: readonly PlanFinding[]): Promise<PlanFinding | undefined> {
  const knows = ({ answer }: PlanFinding) => answer === 'works' || answer === 'tools-only' || answer === 'known';
  const items = findings
    .toSorted((a, b) => Number(knows(b)) - Number(knows(a)))
    .map((finding) => ({
      label: knows(finding)
        ? vscode.l10n.t('{0} Add {1}', `$(${icons[finding.answer]})`, finding.label)
        : `$(${icons[finding.answer]}) ${finding.label}`,
      description: finding.host,
      detail: withFix(finding),
      finding,
    }));
  const isFound = findings.some(knows);
  const chosen = await vscode.window.showQuickPick(items, {
    title: isFound ? vscode.l10n.t('The plan of the key') : vscode.l10n.t('No plan took the key'),
    placeHolder: isFound
      ? vscode.l10n.t('Choose the plan to add')
      : vscode.l10n.t('Each line says why; nothing was stored'),
    ignoreFocusOut: true,
  });
  return chosen !== undefined && knows(chosen.finding) ? chosen.finding : undefined;
}
