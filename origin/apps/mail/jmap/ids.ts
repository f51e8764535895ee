/** Ids as clients see them (RFC 8620 §1.2): a letter for the kind, and the row's number. */
const letters = {
  account: "u",
  mailbox: "m",
  thread: "t",
  email: "e",
  identity: "i",
  submission: "s",
  subscription: "p",
} as const;
export type IdKind = keyof typeof letters;

export function formatId(kind: IdKind, number: number): string {
  return `${letters[kind]}${number}`;
}

/** Undefined for what is no id of that kind. */
export function parseId(kind: IdKind, id: unknown): number | undefined {
  if (typeof id !== "string" || id[0] !== letters[kind] || !/^.[1-9]\d{0,14}$/.test(id)) return undefined;
  return Number(id.slice(1));
}

/** Where a blob is found: the raw bytes by their hash, or one part of the message that they are. */
export interface BlobAddress {
  readonly hash: string;
  readonly partId: string | undefined;
}

/** `G<hash>`, `G<hash>-1.2`: with a letter before, since an id must not look like a number. */
export function formatBlobId({ hash, partId }: BlobAddress): string {
  return partId === undefined ? `G${hash}` : `G${hash}-${partId.replaceAll(".", "_")}`;
}

export function parseBlobId(id: unknown): BlobAddress | undefined {
  if (typeof id !== "string") return undefined;
  const [, hash, part] = /^G([0-9a-f]{64})(?:-(\d{1,4}(?:_\d{1,4}){0,30}))?$/.exec(id) ?? [];
  return hash === undefined ? undefined : { hash, partId: part?.replaceAll("_", ".") };
}
