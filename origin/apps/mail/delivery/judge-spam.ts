import type { Log } from "../../../host/log.ts";
import type { Arrival } from "../arriving/arrival.ts";
import { ThreadClosedError } from "../message/work-thread.ts";
import type { Addresses } from "../mailbox/addresses.ts";
import type { Authenticator } from "./authenticator.ts";
import type { Authentication } from "./authenticate.ts";
import { readSpf, type SpfFinding } from "./edge-results.ts";

export interface Judgement {
  readonly finding: Authentication["finding"];
  readonly spf: SpfFinding | undefined;
  /** The value of an Authentication-Results field in this server's name (RFC 8601). */
  readonly results: string;
}

/**
 * Whether what arrived comes from whom it says. What cannot be found out is `unknown`, and no fault of ours makes a
 * message spam. Rejects only where the daemon stops: the message is judged when it runs again.
 */
export async function judge(
  arrival: Arrival,
  options: {
    path: string;
    authenticator: Authenticator;
    addresses: Pick<Addresses, "find">;
    domain: string;
    log: Pick<Log, "warn">;
  },
): Promise<Judgement> {
  // What members write to each other has been nowhere: there is nothing to find out.
  if (arrival.results === "" && options.addresses.find(arrival.mailFrom) !== undefined)
    return { finding: "unknown", spf: undefined, results: `${options.domain}; none` };
  const spf = readSpf(arrival.results, arrival.mailFrom);
  const { finding, results } = await run(arrival, spf, options);
  return { finding, spf, results: [options.domain, ...(results.length > 0 ? results : ["none"])].join("; ") };
}

async function run(
  arrival: Arrival,
  spf: SpfFinding | undefined,
  { path, authenticator, log }: { path: string; authenticator: Authenticator; log: Pick<Log, "warn"> },
): Promise<Authentication> {
  try {
    return await authenticator.run({ path, spf });
  } catch (error) {
    if (error instanceof ThreadClosedError) throw error;
    log.warn("mail.not-authenticated", { arrival: arrival.id, error: String(error) });
    return { finding: "unknown", results: [] };
  }
}
