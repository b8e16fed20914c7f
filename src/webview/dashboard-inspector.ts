import type { DashboardTexts, InspectorView } from './dashboard-messages.ts';
import { button, element } from './element.ts';

export interface InspectorActions {
  readonly onCopy: (id: string) => void;
  readonly onClose: () => void;
}

/** What one request said, on both sides of the proxy. */
export function inspectorPane(
  view: InspectorView | undefined,
  texts: DashboardTexts,
  { onCopy, onClose }: InspectorActions,
): HTMLElement[] {
  const heading = element('h2', { tabindex: '-1', id: 'inspector' }, [texts.inspector]);
  const close = button(texts.close, onClose);
  if (view === undefined) return [heading, element('p', { role: 'status' }, [texts.notKept]), close];
  const column = (title: string, parts: readonly HTMLElement[]) =>
    element('div', {}, [element('h3', {}, [title]), ...parts]);
  const code = (label: string, text: string) =>
    element('pre', { tabindex: '0', role: 'region', 'aria-label': label }, [text]);
  return [
    heading,
    element('p', { class: 'note' }, [view.title]),
    element('div', { class: 'buttons' }, [button(texts.copyCurl, () => onCopy(view.id)), close]),
    element('div', { class: 'sides' }, [
      column(texts.clientRequest, [code(texts.clientRequest, view.request)]),
      column(
        texts.upstream,
        view.calls.flatMap(({ title, request, answer }) => [
          element('h4', {}, [title]),
          code(`${title} →`, request),
          code(`${title} ←`, answer),
        ]),
      ),
      column(texts.clientAnswer, [code(texts.clientAnswer, view.answer)]),
    ]),
  ];
}
