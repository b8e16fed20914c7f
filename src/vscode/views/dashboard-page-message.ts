import type { ChartQuery, DashboardAction, DashboardPageMessage } from '../../webview/dashboard-messages.ts';

const actions = [
  'add-account',
  'copy-endpoint',
  'copy-key',
  'start',
  'stop',
  'show-log',
  'disconnect',
] as const satisfies readonly DashboardAction[];

/** Checks what a page sent; anything else than it should say is nothing. */
export function parsePageMessage(value: unknown): DashboardPageMessage | undefined {
  if (!isRecord(value)) return undefined;
  const { type, id } = value;
  const query = parseQuery(value.query);
  const action = actions.find((each) => each === value.action);
  if ((type === 'ready' || type === 'chart') && query) return { type, query };
  if (type === 'action' && action) return { type, action };
  if (type === 'inspecting' && typeof value.isOn === 'boolean') return { type, isOn: value.isOn };
  if ((type === 'inspect' || type === 'copy-curl') && typeof id === 'string') return { type, id };
  return undefined;
}

function parseQuery(value: unknown): ChartQuery | undefined {
  if (!isRecord(value)) return undefined;
  const { range, measure, by } = value;
  const isKnown =
    (range === 'day' || range === 'month') &&
    (measure === 'requests' || measure === 'tokens') &&
    (by === 'account' || by === 'model');
  return isKnown ? { range, measure, by } : undefined;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
