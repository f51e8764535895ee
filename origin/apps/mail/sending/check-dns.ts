import { Resolver } from "node:dns/promises";
import type { Check } from "../../../app.ts";
import type { MailConfig } from "../../../config/config.ts";
import { dkimRecord, type SigningKey } from "../../../config/dkim-key.ts";

/** What is asked of DNS; each rejects where the name has no such record. */
export interface MailRecords {
  resolveMx(name: string): Promise<{ exchange: string }[]>;
  resolveTxt(name: string): Promise<string[][]>;
}

const timeoutMs = 3_000;
/** Email Routing's (Cloudflare documentation, "Email Routing DNS records"). */
const exchanges = ["route1", "route2", "route3"].map((name) => `${name}.mx.cloudflare.net`);
const routingSpf = "include:_spf.mx.cloudflare.net";

/** The records that mail of the domain needs, and for each that is not there what to write where. */
export async function checkDns(options: {
  readonly config: Pick<MailConfig, "domain" | "relay" | "relaySpf">;
  readonly key: SigningKey | undefined;
  readonly records?: MailRecords;
}): Promise<Check[]> {
  const { config, key, records = new Resolver({ timeout: timeoutMs, tries: 1 }) } = options;
  const { domain } = config;
  const texts = async (name: string): Promise<string[] | undefined> =>
    (await ask(() => records.resolveTxt(name)))?.map((parts) => parts.join(""));
  const [mx, own, policy, signing] = await Promise.all([
    ask(() => records.resolveMx(domain)),
    texts(domain),
    texts(`_dmarc.${domain}`),
    key && texts(dkimRecord(key, domain).name),
  ]);
  return [
    checkMx(domain, mx),
    checkSpf(config, own),
    ...(key ? [checkDkim(domain, key, signing)] : []),
    checkDmarc(domain, policy),
  ];
}

/** Undefined: nobody answered. Empty: there is none. */
async function ask<T>(question: () => Promise<T[]>): Promise<T[] | undefined> {
  try {
    return await question();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOTFOUND" || code === "ENODATA" ? [] : undefined;
  }
}

function verdict(
  name: string,
  found: { readonly isRight: boolean; readonly detail: string } | undefined,
  wrong: { readonly why: string; readonly mend: string },
): Check {
  if (!found) {
    return {
      name,
      status: "warning",
      detail: "DNS did not answer.",
      why: "Whether the record is there is not known.",
      mend: "Run burrow doctor again when this network has DNS.",
    };
  }
  const { isRight, detail } = found;
  return isRight ? { name, status: "ok", detail } : { name, status: "warning", detail, ...wrong };
}

function checkMx(domain: string, mx: readonly { exchange: string }[] | undefined): Check {
  const names = mx?.map(({ exchange }) => exchange.toLowerCase().replace(/\.$/, ""));
  const missing = exchanges.filter((name) => !names?.includes(name));
  const strange = names?.filter((name) => !exchanges.includes(name)) ?? [];
  return verdict(
    "MX",
    names && {
      isRight: missing.length === 0 && strange.length === 0,
      detail: names.length === 0 ? `${domain} has none.` : names.join(", "),
    },
    {
      why: "Mail for members does not come to Email Routing, or not all of it.",
      mend: `MX of ${domain} are ${exchanges.join(", ")} and no others: turn Email Routing on in Cloudflare's dashboard, which writes them.`,
    },
  );
}

function checkSpf(
  { domain, relay, relaySpf }: Pick<MailConfig, "domain" | "relay" | "relaySpf">,
  own: readonly string[] | undefined,
): Check {
  const records = own?.filter((text) => /^v=spf1(?: |$)/i.test(text));
  const [record = ""] = records ?? [];
  const terms = record.toLowerCase().split(/\s+/);
  const wanted = [routingSpf, relaySpf].filter((term) => term !== "");
  const missing = wanted.filter((term) => !terms.includes(term.toLowerCase()));
  const isUnknown = relay !== undefined && relaySpf === "";
  const should = `v=spf1 ${[...wanted, ...(isUnknown ? ["(what your relay says)"] : [])].join(" ")} ~all`;
  return verdict(
    "SPF",
    records && {
      isRight: records.length === 1 && missing.length === 0,
      detail: records.length === 0 ? `${domain} has none.` : records.join(" and "),
    },
    {
      why:
        (records?.length ?? 0) > 1
          ? "With two SPF records receivers heed neither."
          : "Receivers take what members send for forged.",
      mend: `One TXT record at ${domain}: "${should}"${isUnknown ? "; write the relay's part into mail.relay_spf, too" : ""}.`,
    },
  );
}

function checkDkim(domain: string, key: SigningKey, found: readonly string[] | undefined): Check {
  const { name, value } = dkimRecord(key, domain);
  const keyOf = (text: string): string | undefined =>
    /(?:^|;)\s*p=([\w+/=\s]*)/.exec(text)?.[1]?.replaceAll(/\s/g, "");
  return verdict(
    "DKIM",
    found && {
      isRight: found.some((text) => keyOf(text) === keyOf(value)),
      detail: found.length === 0 ? `${name} has none.` : `${name} has a key.`,
    },
    {
      why: "Receivers cannot check the signature of what members send, or find that it is wrong.",
      mend: `A TXT record at ${name}, as "burrow mail dkim" prints it.`,
    },
  );
}

function checkDmarc(domain: string, found: readonly string[] | undefined): Check {
  const records = found?.filter((text) => /^v=DMARC1\s*;/i.test(text));
  return verdict(
    "DMARC",
    records && {
      isRight: records.length === 1,
      detail: records.length === 0 ? `_dmarc.${domain} has none.` : records.join(" and "),
    },
    {
      why: "Large receivers distrust mail of a domain without a policy, and anybody may write in its name.",
      mend: `A TXT record at _dmarc.${domain}: "v=DMARC1; p=quarantine", once SPF and DKIM are right; "p=none" to begin with.`,
    },
  );
}
