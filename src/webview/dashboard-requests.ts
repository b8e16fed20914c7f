import type { DashboardTexts, RequestRow } from './dashboard-messages.ts';
import { button, element, focusedElement } from './element.ts';

const shownRows = 100;

/** The last requests, newest first. */
export interface RequestList {
  update(rows: readonly RequestRow[]): void;
  clear(): void;
}

export function createRequestList(
  root: HTMLElement,
  texts: DashboardTexts,
  onInspect: (id: string) => void,
): RequestList {
  const empty = element('p', { class: 'note' }, [texts.noRequests]);
  const body = element('tbody', {});
  const columns = [
    texts.time,
    texts.client,
    texts.model,
    texts.way,
    texts.attempts,
    texts.firstToken,
    texts.speed,
    texts.tokens,
    texts.cached,
    texts.status,
    texts.inspect,
  ];
  const head = element(
    'tr',
    {},
    columns.map((label) => element('th', { scope: 'col' }, [label])),
  );
  const table = element('table', { class: 'requests' }, [element('thead', {}, [head]), body]);
  const region = element('div', { class: 'table', tabindex: '0', role: 'region', 'aria-label': texts.live }, [table]);
  root.replaceChildren(empty, region);
  region.hidden = true;
  const shown = new Map<string, HTMLElement>();

  return {
    clear() {
      for (const row of shown.values()) row.remove();
      shown.clear();
    },
    update(rows) {
      for (const row of rows) {
        const made = tableRow(row, texts, onInspect);
        const before = shown.get(row.id);
        shown.set(row.id, made);
        if (before === undefined) {
          body.prepend(made);
          continue;
        }
        // A row that changes must not take the focus from a button the user stands on.
        const isFocused = before.contains(focusedElement());
        before.replaceWith(made);
        if (isFocused) made.querySelector('button')?.focus();
      }
      for (const [id, row] of shown) {
        if (shown.size <= shownRows) break;
        shown.delete(id);
        row.remove();
      }
      empty.hidden = shown.size > 0;
      region.hidden = shown.size === 0;
    },
  };
}

function tableRow(row: RequestRow, texts: DashboardTexts, onInspect: (id: string) => void): HTMLElement {
  const cell = (text: string, kind = '') => element('td', { class: kind }, [text]);
  const attempts = element(
    'ol',
    {},
    row.attempts.map((attempt) => element('li', {}, [attempt])),
  );
  const inspect = button(texts.inspect, () => onInspect(row.id), {
    'aria-label': `${texts.inspect} ${row.time} ${row.model}`,
  });
  return element('tr', { class: row.state, 'data-request': row.id }, [
    element('th', { scope: 'row' }, [row.time]),
    cell(row.client),
    cell(row.model),
    cell(row.way),
    element('td', {}, [attempts]),
    cell(row.firstToken, 'number'),
    cell(row.speed, 'number'),
    cell(row.tokens, 'number'),
    cell(row.cached, 'number'),
    cell(row.status, 'status'),
    element('td', {}, [inspect]),
  ]);
}
