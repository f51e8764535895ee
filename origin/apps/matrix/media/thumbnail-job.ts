import type { ThumbnailSize } from "./thumbnail-size.ts";

/** What the child is asked for. */
export interface ThumbnailJob extends ThumbnailSize {
  readonly id: number;
  /** The picture's file. */
  readonly path: string;
  /** Keep its movement, where it has any. */
  readonly animated: boolean;
  /** Pixels of all of it past which it is not decoded. */
  readonly mostPixels: number;
}

/** What it answers; first of all whether this machine has the image library. */
export type ThumbnailReply =
  | { readonly kind: "ready" }
  | { readonly kind: "unavailable" }
  | { readonly kind: "made"; readonly id: number; readonly type: string; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly id: number };
