/** What the sign-in page and the editor say to each other. Types only, shared by both sides; never a token. */

export type LoginState =
  | 'starting'
  | 'waiting'
  | 'expired'
  | 'denied'
  | 'failed'
  | 'cancelled'
  | 'connected'
  | 'refused';

/** A button of the page. */
export type LoginAction = 'copy-code' | 'copy-url' | 'open' | 'retry' | 'show-log' | 'close';

export interface LoginButton {
  readonly action: LoginAction;
  readonly label: string;
}

/** Everything the page shows, in the user's language. The page renders it and decides nothing. */
export interface LoginView {
  readonly title: string;
  readonly note: string;
  readonly state: LoginState;
  /** The state in one sentence. */
  readonly status: string;
  /** The way out, or what comes next. */
  readonly hint?: string;
  readonly countdown?: {
    readonly expiresAtMs: number;
    /** `{0}` stands for minutes and seconds. */
    readonly template: string;
  };
  readonly device?: {
    /** Spoken for the QR code, which holds `url`. */
    readonly qrLabel: string;
    readonly codeLabel: string;
    readonly userCode: string;
    readonly copyCode: LoginButton;
    readonly urlLabel: string;
    readonly url: string;
    readonly copyUrl: LoginButton;
    readonly open: LoginButton;
  };
  readonly buttons: readonly LoginButton[];
}

/** From the editor to the page. */
export interface LoginHostMessage {
  readonly type: 'render';
  readonly view: LoginView;
}

/** From the page to the editor. `ready`: it listens; what was sent before is lost. */
export type LoginPageMessage = { readonly type: 'ready' } | { readonly type: 'action'; readonly action: LoginAction };
