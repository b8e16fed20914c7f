/** The sign-in page: renders what the editor sends and reports clicks. */
import { renderSVG } from 'uqr';
import { element, focusedElement } from './element.ts';
import type { LoginAction, LoginButton, LoginHostMessage, LoginPageMessage, LoginView } from './login-messages.ts';

const editor = acquireVsCodeApi<never>();
const main = document.querySelector('main');
let countdownTimer: number | undefined;

window.addEventListener('message', ({ data }: MessageEvent<LoginHostMessage>) => {
  if (data.type === 'render' && main !== null) render(main, data.view);
});
send({ type: 'ready' });

function send(message: LoginPageMessage): void {
  editor.postMessage(message);
}

function render(root: HTMLElement, view: LoginView): void {
  window.clearInterval(countdownTimer);
  // A rebuilt page must not take the focus from a button the user stands on.
  const focused = focusedElement()?.getAttribute('data-action');
  const status = element('div', { class: `status ${view.state}`, role: 'status' }, [
    element('p', { class: 'sentence' }, [view.status]),
    ...(view.hint === undefined ? [] : [element('p', { class: 'hint' }, [view.hint])]),
  ]);
  root.replaceChildren(
    element('h1', {}, [view.title]),
    element('p', { class: 'note' }, [view.note]),
    ...(view.device === undefined ? [] : [deviceSection(view.device)]),
    status,
    ...(view.countdown === undefined ? [] : [countdown(view.countdown)]),
    element(
      'div',
      { class: 'buttons' },
      view.buttons.map((each) => button(each)),
    ),
  );
  if (focused !== null && focused !== undefined) {
    root.querySelector<HTMLElement>(`[data-action="${CSS.escape(focused)}"]`)?.focus();
  }
}

function deviceSection(device: NonNullable<LoginView['device']>): HTMLElement {
  const qr = element('div', { class: 'qr', role: 'img', 'aria-label': device.qrLabel }, []);
  // Dark on white in every theme, with the four modules of quiet zone of the standard: some scanners need both.
  const svg = renderSVG(device.url, { border: 4, ecc: 'M', blackColor: '#000', whiteColor: '#fff' });
  qr.append(document.importNode(new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement, true));
  return element('section', { class: 'device' }, [
    qr,
    element('div', { class: 'facts' }, [
      element('p', { class: 'caption' }, [device.codeLabel]),
      element('div', { class: 'row' }, [
        element('code', { class: 'user-code' }, [device.userCode]),
        button(device.copyCode),
      ]),
      element('p', { class: 'caption' }, [device.urlLabel]),
      element('p', { class: 'url' }, [device.url]),
      element('div', { class: 'row' }, [button(device.open, 'primary'), button(device.copyUrl)]),
    ]),
  ]);
}

function countdown({ expiresAtMs, template }: NonNullable<LoginView['countdown']>): HTMLElement {
  // Not a live region: a screen reader would read every second aloud.
  const line = element('p', { class: 'countdown', role: 'timer', 'aria-live': 'off' }, []);
  const tick = () => {
    const seconds = Math.max(0, Math.ceil((expiresAtMs - Date.now()) / 1_000));
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    line.textContent = template.replace('{0}', clock);
    if (seconds === 0) window.clearInterval(countdownTimer);
  };
  countdownTimer = window.setInterval(tick, 1_000);
  tick();
  return line;
}

function button({ action, label }: LoginButton, kind: 'primary' | 'secondary' = 'secondary'): HTMLElement {
  const primary = kind === 'primary' || action === 'retry' || action === 'close';
  const made = element('button', { type: 'button', class: primary ? 'primary' : 'secondary', 'data-action': action }, [
    label,
  ]);
  made.addEventListener('click', () => click(action));
  return made;
}

function click(action: LoginAction): void {
  send({ type: 'action', action });
}
