import type { KeyKind } from "./keys.ts";

/** What a key may open. Each is asked for by name: there is none for everything. */
export type KeyScope = "apps" | "files" | "mail" | "matrix" | "metrics" | "admin:read" | "admin:write";

interface ScopeFacts {
  /** For the pages and the command line: what the key may do. */
  readonly opens: string;
  readonly ownerOnly: boolean;
  readonly kinds: readonly KeyKind[];
}

const both = ["api-key", "app-password"] as const;

export const keyScopes: Readonly<Record<KeyScope, ScopeFacts>> = {
  apps: { opens: "the apps behind this server that you may open", ownerOnly: false, kinds: both },
  files: { opens: "your files", ownerOnly: false, kinds: both },
  mail: { opens: "your mail, to read and to send", ownerOnly: false, kinds: both },
  // A Matrix client's own access token does for programs: this signs one in that knows passwords only.
  matrix: { opens: "chat: to sign in with a Matrix app", ownerOnly: false, kinds: ["app-password"] },
  metrics: { opens: "the server's measurements (/metrics)", ownerOnly: true, kinds: ["api-key"] },
  "admin:read": { opens: "the owner's API, to read", ownerOnly: true, kinds: ["api-key"] },
  "admin:write": { opens: "the owner's API, to read and to change", ownerOnly: true, kinds: ["api-key"] },
};

export const isKeyScope = (text: string): text is KeyScope => Object.hasOwn(keyScopes, text);

/** The scopes that a member of this role may give to a key of this kind. */
export function scopesFor(role: "owner" | "member", kind: KeyKind): KeyScope[] {
  return Object.keys(keyScopes)
    .filter(isKeyScope)
    .filter((scope) => {
      const { ownerOnly, kinds } = keyScopes[scope];
      return kinds.includes(kind) && (role === "owner" || !ownerOnly);
    });
}
