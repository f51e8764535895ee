import type { ListenAddress } from "./config.ts";

/** Who may enter: every member, the owner, members by name, or anybody at all without signing in. */
export type Entrance = "members" | "owner" | "everyone" | readonly string[];

/** A program of somebody else's that is shown on a host of its own: one `[[app]]` of burrow.toml. */
export interface ProxiedApp {
  readonly name: string;
  /** Public, lower case. */
  readonly host: string;
  /** Where it listens: on this device and nowhere else. */
  readonly upstream: ListenAddress;
  readonly who: Entrance;
  /** Whether Cloudflare Access stands before it too. */
  readonly access: boolean;
  /** Canonical paths below which nobody is asked to sign in, each beginning with `/`. */
  readonly openPaths: readonly string[];
  /** Whether clients that cannot browse may come with an app password. */
  readonly appPasswords: boolean;
  /** What it is told of who asks; undefined: nothing. */
  readonly identity: IdentityHeaders | undefined;
  /** What shows it that a request came through Burrow. */
  readonly secret: { readonly header: string; readonly file: string } | undefined;
}

/** Names of the fields that carry an identity, and what the groups are. */
export interface IdentityHeaders {
  readonly user: readonly string[];
  readonly groups: readonly string[];
  readonly name: readonly string[];
  readonly email: readonly string[];
  /** Each group and who is in it. */
  readonly members: ReadonlyMap<string, Exclude<Entrance, "everyone">>;
}

/** Whether an entrance is open to this member. */
export function isAdmitted(
  who: Entrance,
  { name, role }: { readonly name: string; readonly role: "owner" | "member" },
): boolean {
  if (who === "everyone" || who === "members") return true;
  return who === "owner" ? role === "owner" : who.includes(name);
}

/** Every field name that some app takes at its word: no client's may reach it (E2). */
export function trustedHeaders(apps: readonly ProxiedApp[]): string[] {
  const names = apps.flatMap(({ identity, secret }) => [
    ...(identity ? [identity.user, identity.groups, identity.name, identity.email].flat() : []),
    ...(secret ? [secret.header] : []),
  ]);
  return [...new Set(names.map((name) => name.toLowerCase()))].toSorted();
}
