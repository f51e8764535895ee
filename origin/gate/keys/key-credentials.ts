import { canonicalName } from "../../members/names.ts";

/** A key as a request bears it. */
export type KeyCredentials =
  | { readonly kind: "api-key"; readonly secret: string }
  | { readonly kind: "app-password"; readonly secret: string; readonly account: string };

/** Longer is neither. */
const longestHeader = 1000;

/**
 * Reads `Authorization`: `Bearer` with an API key, or `Basic` (RFC 7617, UTF-8) with the member's name, `name@server`
 * or whole Matrix id, and an app password. Undefined: neither; another kind of token is somebody else's to read.
 */
export function readKeyCredentials(header: string, serverName: string): KeyCredentials | undefined {
  if (header.length > longestHeader) return undefined;
  const [, scheme = "", credentials = ""] = /^(Basic|Bearer) +([\w.~+/=-]+) *$/i.exec(header) ?? [];
  if (scheme.toLowerCase() === "bearer") {
    return /^burrow_key_/i.test(credentials) ? { kind: "api-key", secret: credentials } : undefined;
  }
  const decoded = Buffer.from(credentials, "base64").toString("utf8");
  // A Matrix id has a colon, which RFC 7617 §2 would have end the name; an app password has none.
  const colon = decoded.lastIndexOf(":");
  if (colon < 1) return undefined;
  return {
    kind: "app-password",
    account: accountOf(decoded.slice(0, colon), serverName),
    secret: decoded.slice(colon + 1),
  };
}

/** The canonical name in what people and programs type: mail clients insist on an address, Matrix clients on an id. */
export function accountOf(user: string, serverName: string): string {
  const name = canonicalName(user);
  if (name.startsWith("@") && name.endsWith(`:${serverName}`)) return name.slice(1, -serverName.length - 1);
  if (name.endsWith(`@${serverName}`)) return name.slice(0, -serverName.length - 1);
  return name;
}
