/** Where the edge asks the origin whether an address is somebody's: `?address=`. For the edge itself alone. */
export const MAIL_RECIPIENT_PATH = "/_burrow/edge/mail/recipient";
/** Where the edge tells the origin that something has arrived. For the edge itself alone. */
export const MAIL_WAKE_PATH = "/_burrow/edge/mail/wake";

/** What the Worker is told of mail: the content of its variable MAIL_POLICY. */
export interface MailPolicy {
  /** What stands behind the @ of this server's addresses; lower case. */
  readonly domain: string;
  /** Addresses that are refused outright; lower case. */
  readonly refused: readonly string[];
  /** What becomes of addresses that nobody has: the owner gets it, or the sender is told. */
  readonly unknown: "owner" | "refuse";
}

/** Reads the variable; undefined for anything of another form, and where mail is off. */
export function parseMailPolicy(text: string | undefined): MailPolicy | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
  const { domain, refused, unknown } = (value ?? {}) as Record<string, unknown>;
  if (typeof domain !== "string" || domain === "" || !Array.isArray(refused)) return undefined;
  if (unknown !== "owner" && unknown !== "refuse") return undefined;
  return { domain, refused: refused.filter((address) => typeof address === "string"), unknown };
}

/** RFC 5321 §4.5.1 and RFC 2142 §4: whoever has a domain of mail takes what is for these. */
const alwaysTaken: ReadonlySet<string> = new Set(["postmaster", "abuse"]);

/** What stands before the @: lower case, in one form, without quotes; undefined: no address of this domain. */
export function localPartOf(address: string, domain: string): string | undefined {
  const at = address.lastIndexOf("@");
  if (at < 1 || address.slice(at + 1).toLowerCase() !== domain) return undefined;
  return address
    .slice(0, at)
    .replace(/^"(.*)"$/, "$1")
    .normalize("NFKC")
    .toLowerCase();
}

/** `ask`: it depends on whether somebody has the address. */
export type RecipientVerdict = "take" | "ask" | "foreign" | "refused";

/** What the settings alone say of an envelope's recipient. `name@` refuses `name+anything@` too. */
export function judgeRecipient(
  { domain, refused, unknown }: MailPolicy,
  recipient: string,
): RecipientVerdict {
  const local = localPartOf(recipient, domain);
  if (local === undefined) return "foreign";
  const plain = local.replace(/(?<=.)\+.*$/s, "");
  if ([local, plain].some((name) => refused.includes(`${name}@${domain}`))) return "refused";
  return unknown === "owner" || alwaysTaken.has(local) ? "take" : "ask";
}
