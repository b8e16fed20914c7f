/** The seam of a program that can use the proxy: what it is called, how it is found, and how it is told the address. */

/** The API that a client speaks; what is verified speaks it too. */
export type ClientWire = 'chat' | 'responses' | 'messages';

/** The model a client shall ask for, with the limits that are known of it, in tokens. */
export interface ClientModel {
  readonly id: string;
  readonly name: string;
  readonly contextWindow?: number;
  readonly maxOutput?: number;
  readonly vision?: boolean;
}

/** Where a client has to go. */
export interface Endpoint {
  /** `http://127.0.0.1:<port>`, without a path. */
  readonly origin: string;
  readonly key: string;
  readonly model: ClientModel;
}

export const openAiBase = ({ origin }: Pick<Endpoint, 'origin'>): string => `${origin}/v1`;
export const anthropicBase = ({ origin }: Pick<Endpoint, 'origin'>): string => `${origin}/anthropic`;

/** Where this user's files are. */
export interface UserFolders {
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** How a client is configured now, as far as its file says. */
export interface ClientSetting {
  readonly baseUrl?: string;
  readonly key?: string;
  readonly model?: string;
}

/** A user-level file that can be edited without harm to anything else in it. Pure: text in, text out. */
export interface ClientFile {
  readonly format: 'JSON' | 'TOML' | 'YAML';
  /** Possible places, the preferred one first; the first that exists is the one. */
  paths(folders: UserFolders): readonly string[];
  /** Older files that the client would no longer read once ours exists. */
  hides?(folders: UserFolders): readonly string[];
  /** What the text says; `undefined` where it cannot be parsed. */
  read(text: string): ClientSetting | undefined;
  /** The text with the endpoint in it; `undefined` where it cannot be parsed or has another shape than the client's. */
  edit(text: string, endpoint: Endpoint): string | undefined;
}

/** What a user pastes by hand. */
export interface Snippet {
  readonly text: string;
  /** Language id of the editor, for colours. */
  readonly language: string;
  /** File or menu it belongs to. */
  readonly place: string;
}

export interface Client {
  readonly id: string;
  /** Product name; not translated. */
  readonly name: string;
  readonly wire: ClientWire;
  /** Programs by which it is recognised in the PATH. */
  readonly commands: readonly string[];
  /** Extensions of the editor by which it is recognised, lower case. */
  readonly extensions: readonly string[];
  readonly file?: ClientFile;
  /** The client's own command that takes the endpoint, where its file is not ours to edit. */
  command?(endpoint: Endpoint): { readonly program: string; readonly arguments: readonly string[] };
  snippet(endpoint: Endpoint): Snippet;
}

/** The name under which files list the proxy as a provider. */
export const providerId = 'qwen-proxy';
export const providerName = 'Qwen Proxy';
