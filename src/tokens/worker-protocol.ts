/** A piece of a text to count; the pieces of one `id` come in order. */
export interface TextPiece {
  readonly id: number;
  readonly text: string;
  readonly isLast: boolean;
}

export type CountReply =
  | { readonly id: number; readonly tokens: number }
  | { readonly id: number; readonly problem: string };
