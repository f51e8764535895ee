/**
 * The gate's own cookies. Some readers take a cookie without a name, `=__Host-burrow-x=…`, for one of that name
 * (RFC 6265bis §5.7), so what stands before the name does not count.
 */
const isOwn = (pair: string): boolean => /^[\s=]*(?:__(?:host|secure)-)?burrow-/i.test(pair);

/** A `Cookie` field without the gate's own: no app may act as its visitor elsewhere. Undefined when nothing is left. */
export function withoutOwnCookies(field: string): string | undefined {
  if (!/burrow-/i.test(field)) return field;
  const kept = field.split(";").filter((pair) => pair.trim() !== "" && !isOwn(pair));
  return kept.length === 0 ? undefined : kept.map((pair) => pair.trim()).join("; ");
}

/**
 * A `Set-Cookie` field as an app of this host may set it: never one of the gate's own, and for no host but its own. A
 * cookie of a whole domain would reach the sibling apps and the sign-in. Undefined where there is nothing to set.
 */
export function narrowSetCookie(field: string, host: string): string | undefined {
  if (isOwn(field)) return undefined;
  const [pair = "", ...attributes] = field.split(";");
  const kept = attributes.filter((attribute) => {
    const domain = /^\s*domain\s*(?:=\s*(.*?)\s*)?$/i.exec(attribute);
    return domain === null || domain[1]?.replace(/^\./, "").toLowerCase() === host;
  });
  return kept.length === attributes.length ? field : [pair, ...kept].join(";");
}
