/** What the dashboard and the editor say to each other. Types only; every text is in the user's language, none a secret. */

export type DashboardAction =
  | 'add-account'
  | 'copy-endpoint'
  | 'copy-key'
  | 'start'
  | 'stop'
  | 'show-log'
  | 'disconnect';

/** Where a quota window stands. */
export interface WindowView {
  readonly name: string;
  /** Share, reset and forecast in words. */
  readonly text: string;
  /** What remains, 0 to 1; absent where no limit is known. */
  readonly left?: number;
}

export interface AccountView {
  readonly id: string;
  readonly label: string;
  readonly plan: string;
  readonly state: 'ready' | 'cooling' | 'exhausted' | 'unauthorized' | 'disabled';
  readonly stateText: string;
  /** What the user can do about it. */
  readonly fix?: string;
  readonly windows: readonly WindowView[];
  readonly today: string;
}

/** Words of the page itself. */
export interface DashboardTexts {
  readonly accounts: string;
  readonly noAccount: string;
  readonly usage: string;
  readonly lastDay: string;
  readonly lastMonth: string;
  readonly requests: string;
  readonly tokens: string;
  readonly byAccount: string;
  readonly byModel: string;
  readonly range: string;
  readonly measure: string;
  readonly grouping: string;
  readonly asTable: string;
  readonly time: string;
  readonly noUsage: string;
  readonly live: string;
  readonly noRequests: string;
  readonly client: string;
  readonly model: string;
  readonly way: string;
  readonly attempts: string;
  readonly firstToken: string;
  readonly speed: string;
  readonly cached: string;
  readonly status: string;
  readonly inspect: string;
  readonly keepBodies: string;
  readonly keepBodiesHint: string;
  readonly inspector: string;
  readonly clientRequest: string;
  readonly upstream: string;
  readonly clientAnswer: string;
  readonly copyCurl: string;
  readonly close: string;
  readonly notKept: string;
}

export interface DashboardView {
  readonly title: string;
  /** State of the proxy and its address, one line. */
  readonly service: string;
  readonly locale: string;
  readonly texts: DashboardTexts;
  readonly actions: readonly { readonly action: DashboardAction; readonly label: string }[];
  readonly accounts: readonly AccountView[];
  readonly isInspecting: boolean;
  /** Bodies can be kept: not those of a gateway, which has them from others too. */
  readonly canInspect: boolean;
}

/** One request of the live list. */
export interface RequestRow {
  readonly id: string;
  readonly state: 'open' | 'answered' | 'failed' | 'cut' | 'aborted';
  readonly time: string;
  readonly client: string;
  readonly model: string;
  /** Dialect → lane → account. */
  readonly way: string;
  /** Each try with its reason. */
  readonly attempts: readonly string[];
  readonly firstToken: string;
  readonly speed: string;
  readonly tokens: string;
  readonly cached: string;
  readonly status: string;
}

/** What the chart shows. */
export interface ChartQuery {
  readonly range: 'day' | 'month';
  readonly measure: 'requests' | 'tokens';
  readonly by: 'account' | 'model';
}

export interface ChartView extends ChartQuery {
  /** Said to a screen reader in place of the picture. */
  readonly summary: string;
  /** Begin of each bucket, epoch milliseconds, without a gap. */
  readonly startsMs: readonly number[];
  /** The same in words. */
  readonly times: readonly string[];
  /** One value a bucket. */
  readonly series: readonly { readonly label: string; readonly values: readonly number[] }[];
}

/** One call to an upstream, as text. */
export interface CallView {
  readonly title: string;
  readonly request: string;
  readonly answer: string;
}

export interface InspectorView {
  readonly id: string;
  readonly title: string;
  readonly request: string;
  readonly calls: readonly CallView[];
  readonly answer: string;
}

/** From the editor to the page. */
export type DashboardHostMessage =
  | { readonly type: 'view'; readonly view: DashboardView }
  /** New or changed rows, oldest first; `isWhole` = nothing else counts any more, because another server is shown. */
  | { readonly type: 'requests'; readonly rows: readonly RequestRow[]; readonly isWhole?: true }
  | { readonly type: 'chart'; readonly chart: ChartView }
  /** Without a view nothing is kept of the request. */
  | { readonly type: 'inspected'; readonly view?: InspectorView };

/** From the page to the editor. `ready`: it listens; what was sent before is lost. */
export type DashboardPageMessage =
  | { readonly type: 'ready'; readonly query: ChartQuery }
  | { readonly type: 'action'; readonly action: DashboardAction }
  | { readonly type: 'chart'; readonly query: ChartQuery }
  | { readonly type: 'inspecting'; readonly isOn: boolean }
  | { readonly type: 'inspect'; readonly id: string }
  | { readonly type: 'copy-curl'; readonly id: string };
