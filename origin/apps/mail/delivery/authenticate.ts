import type { Readable } from "node:stream";
import type { ARCChainEntry, ARCData } from "mailauth";
import { arc } from "mailauth/lib/arc/index.js";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { evaluateDmarc } from "mailauth/lib/dmarc/index.js";
import type { Resolve } from "./dns-lookup.ts";
import type { SpfFinding } from "./edge-results.ts";

/** Whether a message comes from whom it says. */
export interface Authentication {
  /**
   * `forged`: the domain of its From asks to have such messages put aside, or is this server's own. `unknown`: it could not be found out, by a
   * fault of a name server or because the sender's machine is not known.
   */
  readonly finding: "genuine" | "forged" | "unsaid" | "unknown";
  /** What was found, method by method (RFC 8601 §2.7). */
  readonly results: readonly string[];
}

/** Who may say of a message that it was genuine before they changed it, as lists and forwarders do (RFC 8617). */
const trustedForwarders = new Set([
  "google.com",
  "microsoft.com",
  "messagingengine.com",
  "fastmail.com",
  "pobox.com",
  // Email Routing itself, which seals what it hands over.
  "email.cloudflare.net",
  "cloudflare-email.net",
]);

/** DKIM, ARC and DMARC over the raw bytes, with SPF as the edge saw it. */
export async function authenticate(
  raw: Readable,
  {
    spf,
    ownDomain,
    resolve,
  }: { spf: SpfFinding | undefined; ownDomain?: string | undefined; resolve: Resolve },
): Promise<Authentication> {
  const watched = watch(resolve);
  const resolver: Resolve = (name, type) => watched.resolve(name, type);
  const dkim = await dkimVerify(raw, { resolver });
  const seals = dkim.arc;
  // Read before the library takes it apart. What is there is passed on as it is: the library has a chain of its own making in it, or a reason why there is none.
  const isVouchedFor = vouches(seals?.chain || []);
  const chain = await arc(seals as ARCData, { resolver });
  const { response, reason } = await evaluateDmarc({
    headerFrom: dkim.headerFrom,
    fromFields: dkim.fromFields,
    spfDomains: spf?.result === "pass" ? [spf.domain] : [],
    dkimDomains: dkim.results
      .filter(({ status }) => status.result === "pass")
      .flatMap(({ signingDomain: domain, status: { aligned = false, underSized = 0 } }) =>
        domain === undefined ? [] : [{ domain, aligned, underSized }],
      ),
    arcResult: chain,
    resolver,
  });
  const results = [
    ...dkim.results.map(({ info }) => info),
    ...(spf ? [`spf=${spf.result} smtp.${spf.by}=${spf.domain}`] : []),
    ...(chain.info ? [chain.info] : []),
    ...(response ? [response.info] : []),
  ];
  // Two authors are how a forger shows one and has the other checked.
  if (!response) return { finding: /multiple/.test(reason ?? "") ? "forged" : "unknown", results };
  const { result } = response.status;
  if (result === "pass" || (isVouchedFor && chain.status.result === "pass"))
    return { finding: "genuine", results };
  const isOwn = ownDomain !== undefined;
  if (result === "none" && !isOwn) return { finding: "unsaid", results };
  // A key that could not be had counts where it could have saved the message: not the dead one that a forger names.
  const isKeyMissing =
    dkim.results.some(({ status }) => status.result === "temperror" && status.aligned) ||
    (isVouchedFor && watched.failed.some((name) => trustedForwarders.has(name.split(keyLabel)[1] ?? "")));
  if (!/^(?:fail|none)$/.test(result) || isKeyMissing || !(spf || isOwn))
    return { finding: "unknown", results };
  // Where no policy is published, nothing has looked yet whether something backs it.
  const isBacked =
    (spf?.result === "pass" && spf.domain === ownDomain) ||
    dkim.results.some(({ status }) => status.result === "pass" && status.aligned);
  if (result === "none" && isBacked) return { finding: "unsaid", results };
  // What our members write does not come from outside, unless it is signed or went by a machine of theirs.
  const isStrict = isOwn || response.policy === "quarantine" || response.policy === "reject";
  return { finding: isStrict ? "forged" : "unsaid", results };
}

/** From the newest seal back: each must be a trusted one's, up to the one that says that DMARC had passed. */
function vouches(chain: readonly ARCChainEntry[]): boolean {
  for (const entry of chain.toReversed()) {
    const seal = entry["arc-seal"]?.parsed as { d?: { value?: string } } | undefined;
    if (!trustedForwarders.has(String(seal?.d?.value).toLowerCase())) return false;
    const said = entry["arc-authentication-results"]?.parsed as { dmarc?: { value?: string } } | undefined;
    if (said?.dmarc?.value === "pass") return true;
  }
  return false;
}

/** A message may name as many keys as it likes, at name servers that never answer: so many are asked for. */
const mostKeys = 12;

/** Bounds what is asked, and keeps the names of which nobody could tell whether they are there. */
function watch(lookUp: Resolve) {
  const failed: string[] = [];
  let keys = 0;
  return {
    failed,
    async resolve(name: string, type: string): Promise<string[][] | string[]> {
      if (name.includes(keyLabel) && (keys += 1) > mostKeys)
        throw Object.assign(new Error("too many keys"), { code: "ENOTFOUND" });
      try {
        return await lookUp(name, type);
      } catch (error) {
        if (!["ENOTFOUND", "ENODATA"].includes((error as { code?: string }).code ?? "")) failed.push(name);
        throw error;
      }
    },
  };
}

const keyLabel = "._domainkey.";
