/** The dashboard: renders what the editor sends and reports what the user does. */
import { accountList } from './dashboard-accounts.ts';
import { type Chart, createChart } from './dashboard-chart.ts';
import { inspectorPane } from './dashboard-inspector.ts';
import type {
  ChartView,
  DashboardHostMessage,
  DashboardPageMessage,
  DashboardTexts,
  DashboardView,
  RequestRow,
} from './dashboard-messages.ts';
import { createRequestList, type RequestList } from './dashboard-requests.ts';
import { button, element, focusedElement } from './element.ts';

const editor = acquireVsCodeApi<never>();
const send = (message: DashboardPageMessage) => editor.postMessage(message);

/** Everything on the page that lives longer than one message. */
interface Page {
  readonly header: HTMLElement;
  readonly accounts: HTMLElement;
  readonly switchLine: HTMLElement;
  readonly inspector: HTMLElement;
  readonly chart: Chart;
  readonly requests: RequestList;
}

let page: Page | undefined;
let view: DashboardView | undefined;
/** Who opened the inspector; the focus goes back there. */
let opener: string | undefined;

window.addEventListener('message', ({ data }: MessageEvent<DashboardHostMessage>) => {
  if (data.type === 'view') renderView(data.view);
  if (data.type === 'requests') renderRequests(data.rows, data.isWhole === true);
  if (data.type === 'chart') renderChart(data.chart);
  if (data.type === 'inspected' && view !== undefined) renderInspector(data.view, view.texts);
});
send({ type: 'ready', query: { range: 'day', measure: 'requests', by: 'account' } });

function renderView(next: DashboardView): void {
  view = next;
  page ??= build(next.texts);
  const { header, accounts, switchLine } = page;
  const focused = focusedElement()?.getAttribute('data-action');
  header.replaceChildren(
    element('h1', {}, [next.title]),
    element('p', { class: 'note', role: 'status' }, [next.service]),
    element(
      'div',
      { class: 'buttons' },
      next.actions.map(({ action, label }) =>
        button(label, () => send({ type: 'action', action }), { 'data-action': action }),
      ),
    ),
  );
  accounts.replaceChildren(element('h2', {}, [next.texts.accounts]), accountList(next.accounts, next.texts));
  document.querySelector('main')?.classList.toggle('without-inspector', !next.canInspect);
  const isOn = next.isInspecting;
  switchLine.replaceChildren(
    button(next.texts.keepBodies, () => send({ type: 'inspecting', isOn: !isOn }), {
      'aria-pressed': String(isOn),
      'data-action': 'inspecting',
    }),
    element('span', { class: 'note' }, [next.texts.keepBodiesHint]),
  );
  // What is built anew must not take the focus from where the user stands.
  if (focused) document.querySelector<HTMLElement>(`[data-action="${CSS.escape(focused)}"]`)?.focus();
}

function build(texts: DashboardTexts): Page {
  const header = element('header', {});
  const accounts = element('section', {});
  const chartRoot = element('div', {});
  const switchLine = element('div', { class: 'buttons switch' });
  const listRoot = element('div', {});
  const inspector = element('section', { class: 'inspector', 'aria-labelledby': 'inspector' });
  inspector.hidden = true;
  const main = document.querySelector('main');
  main?.replaceChildren(
    header,
    accounts,
    element('section', {}, [element('h2', {}, [texts.live]), switchLine, listRoot]),
    inspector,
    element('section', {}, [element('h2', {}, [texts.usage]), chartRoot]),
  );
  return {
    header,
    accounts,
    switchLine,
    inspector,
    chart: createChart(chartRoot, texts, (query) => send({ type: 'chart', query })),
    requests: createRequestList(listRoot, texts, (id) => {
      opener = id;
      send({ type: 'inspect', id });
    }),
  };
}

function renderRequests(rows: readonly RequestRow[], isWhole: boolean): void {
  if (isWhole) page?.requests.clear();
  page?.requests.update(rows);
}

function renderChart(chart: ChartView): void {
  if (view !== undefined) page?.chart.render(chart, view.locale);
}

function renderInspector(inspected: Parameters<typeof inspectorPane>[0], texts: DashboardTexts): void {
  if (page === undefined) return;
  const { inspector } = page;
  const onClose = () => {
    inspector.hidden = true;
    const row = opener === undefined ? null : document.querySelector(`[data-request="${CSS.escape(opener)}"] button`);
    if (row instanceof HTMLElement) row.focus();
  };
  const onCopy = (id: string) => send({ type: 'copy-curl', id });
  inspector.replaceChildren(...inspectorPane(inspected, texts, { onCopy, onClose }));
  inspector.onkeydown = ({ key }) => {
    if (key === 'Escape') onClose();
  };
  inspector.hidden = false;
  inspector.querySelector<HTMLElement>('#inspector')?.focus();
}
