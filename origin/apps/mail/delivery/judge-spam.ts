import type { Log } from "../../../host/log.ts";
import type { Arrival } from "../arriving/arrival.ts";
import type { Addresses } from "../mailbox/addresses.ts";
import type { HeaderField, Message } from "../message/message.ts";
import { ThreadClosedError } from "../message/work-thread.ts";
import type { Authentication } from "./authenticate.ts";
import { type Authenticator, TooCostlyError } from "./authenticator.ts";
import { readSpf, type SpfFinding } from "./edge-results.ts";

export interface Judgement {
  readonly finding: Authentication["finding"];
  readonly spf: SpfFinding | undefined;
  /** The value of an Authentication-Results field in this server's name (RFC 8601). */
  readonly results: string;
}

interface Parts {
  readonly authenticator: Authenticator;
  readonly addresses: Pick<Addresses, "resolve">;
  readonly domain: string;
  readonly log: Pick<Log, "warn">;
}

/**
 * Whether what arrived comes from whom it says. What cannot be found out is `unknown`, and no fault of ours makes a
 * message spam. Rejects only where the daemon stops: the message is judged when it runs again.
 */
export async function judge(
  arrival: Arrival,
  { path, message }: { path: string; message: Message },
  parts: Parts,
): Promise<Judgement> {
  const { addresses, domain } = parts;
  const spf = readSpf(arrival.results, arrival.mailFrom);
  const about = (finding: Authentication["finding"], ...results: readonly string[]): Judgement => ({
    finding,
    spf,
    results: [domain, ...(results.length > 0 ? results : ["none"])].join("; "),
  });
  // What members write to each other has been nowhere: there is nothing to find out.
  if (arrival.isFromHere) return about("unknown");
  if (isBeyondChecking(message.root.headers)) return about("forged", beyondChecking);
  const isOurs = message.fields.from?.some(({ email }) => addresses.resolve(email).kind !== "unknown");
  const ownDomain = isOurs ? domain : undefined;
  for (let tries = 1; ; tries += 1) {
    try {
      const { finding, results } = await parts.authenticator.run({ path, spf, ownDomain });
      return about(finding, ...results);
    } catch (error) {
      if (error instanceof ThreadClosedError) throw error;
      parts.log.warn("mail.not-authenticated", { arrival: arrival.id, error: String(error) });
      if (!(error instanceof TooCostlyError)) return about("unknown");
      // A device that slept in the midst of it has its second try.
      if (tries === 2) return about("forged", beyondChecking);
    }
  }
}

const beyondChecking = "dkim=policy (it takes more than a check may)";

/** What no real message has, and what checks take the square of: by it a forger would keep them from coming to an end. */
const most = { signatures: 12, seals: 12, characters: 16_384, lines: 20_000 };

function isBeyondChecking(headers: readonly HeaderField[]): boolean {
  let [signatures, seals, lines] = [0, 0, 0];
  for (const { name, value } of headers) {
    lines += value.split("\n").length;
    const kind = name.toLowerCase();
    if (kind === "dkim-signature") signatures += 1;
    else if (kind === "arc-seal") seals += 1;
    if (/^(?:dkim-signature|arc-.*)$/.test(kind) && value.length > most.characters) return true;
  }
  return signatures > most.signatures || seals > most.seals || lines > most.lines;
}
