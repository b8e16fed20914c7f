import type { AccountView, DashboardTexts, WindowView } from './dashboard-messages.ts';
import { element } from './element.ts';

/** The accounts with their quota windows. */
export function accountList(accounts: readonly AccountView[], texts: DashboardTexts): HTMLElement {
  if (accounts.length === 0) return element('p', { class: 'note' }, [texts.noAccount]);
  return element('ul', { class: 'accounts' }, accounts.map(card));
}

function card({ label, plan, state, stateText, fix, windows, today }: AccountView): HTMLElement {
  return element('li', { class: `account ${state}` }, [
    element('h3', {}, [label]),
    element('p', { class: 'note' }, [plan]),
    element('p', { class: 'state' }, [stateText]),
    ...(fix === undefined ? [] : [element('p', {}, [fix])]),
    ...windows.map(quotaWindow),
    element('p', { class: 'note' }, [today]),
  ]);
}

function quotaWindow({ name, text, left }: WindowView): HTMLElement {
  const words = element('span', {}, [text]);
  if (left === undefined) return element('div', { class: 'window' }, [words]);
  const percent = Math.floor(left * 100);
  const fill = element('div', { class: left < 0.1 ? 'fill low' : 'fill' });
  fill.style.width = `${percent}%`;
  const meter = {
    class: 'meter',
    role: 'meter',
    'aria-label': name,
    'aria-valuemin': '0',
    'aria-valuemax': '100',
    'aria-valuenow': String(percent),
    'aria-valuetext': text,
  };
  return element('div', { class: 'window' }, [element('div', meter, [fill]), words]);
}
