import { MembersError } from "./members.ts";

/**
 * On whose word a thing is done that a key must never do: mint keys, change how somebody signs in. There is no form
 * for a key, an app password or an app's token, so none can be passed off as one: the gate makes the first form of a
 * browser's session only, the command line the second on the device.
 */
export type Authority =
  | { readonly via: "session"; readonly memberId: number }
  /** Whoever can write in the data folder. */
  | { readonly via: "device" };

/** Throws not-allowed, where a member's session asks for something of another member. */
export function requireOwn(authority: Authority, memberId: number): void {
  if (authority.via === "device" || authority.memberId === memberId) return;
  throw new MembersError("not-allowed", "This is another member's.");
}
