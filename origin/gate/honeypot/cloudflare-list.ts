import type { Outbound } from "../../host/outbound/outbound.ts";

/** Somewhere outside where sources are refused before they reach the edge. */
export interface BlockList {
  /** Makes the list hold just these. Throws BlockListError. */
  replace(entries: readonly { readonly source: string; readonly reason: string }[]): Promise<void>;
}

/** The list could not be written. `permanent`: trying again will not help. */
export class BlockListError extends Error {
  override name = "BlockListError";
  readonly permanent: boolean;
  constructor(message: string, permanent: boolean) {
    super(message);
    this.permanent = permanent;
  }
}

/** Of a free account's lists together; one request carries them all. */
const MOST_ENTRIES = 5_000;
const COMMENT_MAX = 100;

/**
 * A custom list of IP addresses in the owner's Cloudflare account (API v4, "Update all list items"): replaced as a whole, so
 * that it says what we say however often something failed. A rule of the zone blocks what is in it; the owner makes both.
 */
export function createCloudflareList(options: {
  account: string;
  list: string;
  token: string;
  outbound: Pick<Outbound, "fetch">;
}): BlockList {
  const { account, list, token, outbound } = options;
  const url = `https://api.cloudflare.com/client/v4/accounts/${account}/rules/lists/${list}/items`;
  return {
    async replace(entries) {
      const items = entries.slice(0, MOST_ENTRIES).map(({ source, reason }) => ({
        // An IPv4 address goes without its length.
        ip: source.replace(/\/32$/, ""),
        comment: `burrow: ${reason}`.slice(0, COMMENT_MAX),
      }));
      const response = await send(JSON.stringify(items));
      if (response.ok) {
        await response.body?.cancel();
        return;
      }
      const told = describe(await response.text().catch(() => ""));
      const permanent = [400, 401, 403, 404].includes(response.status);
      throw new BlockListError(`Cloudflare answered ${response.status}${told}`, permanent);
    },
  };

  async function send(body: string): Promise<Response> {
    try {
      return await outbound.fetch("cloudflare", url, {
        method: "PUT",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body,
      });
    } catch (error) {
      throw new BlockListError((error as Error).message, false);
    }
  }
}

/** The first error's code and text, of an answer in Cloudflare's envelope. */
function describe(text: string): string {
  try {
    const { errors } = JSON.parse(text) as { errors?: { code?: number; message?: string }[] };
    const first = errors?.[0];
    return first === undefined ? "" : `: ${first.message ?? ""} (${first.code ?? 0})`;
  } catch {
    return "";
  }
}
