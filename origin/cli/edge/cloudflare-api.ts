/** One thing that was to be ended at Cloudflare, and how that went. */
export interface Step {
  readonly what: string;
  readonly done: boolean;
  /** Why not. */
  readonly detail?: string;
}

const patienceMs = 20_000;

interface Envelope {
  success?: boolean;
  errors?: { message?: unknown }[];
  result?: unknown;
}

/** Cloudflare's REST API, for the owner at a command line: with a token that is kept nowhere. */
export function createCloudflareApi(token: string, base: string) {
  async function ask(method: string, path: string): Promise<unknown> {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      redirect: "error",
      signal: AbortSignal.timeout(patienceMs),
    });
    const told = (await answer.json().catch(() => ({}))) as Envelope;
    if (told.success === true) return told.result;
    const why = told.errors?.map(({ message }) => String(message)).join("; ") ?? "";
    throw new Error(why === "" ? `Cloudflare answered ${answer.status}` : why);
  }

  async function attempt(what: string, work: () => Promise<unknown>): Promise<Step> {
    try {
      await work();
      return { what, done: true };
    } catch (error) {
      return { what, done: false, detail: error instanceof Error ? error.message : String(error) };
    }
  }

  return {
    /** Cuts the tunnel's connections and deletes it, so that its token opens nothing any more. */
    endTunnel: (account: string, tunnel: string) =>
      attempt(`end the tunnel ${tunnel}`, async () => {
        await ask("DELETE", `/accounts/${account}/cfd_tunnel/${tunnel}/connections`);
        await ask("DELETE", `/accounts/${account}/cfd_tunnel/${tunnel}`);
      }),
    /** An R2 key's id is the id of the API token behind it: the account's or a person's. */
    revokeKey: (account: string, id: string) =>
      attempt(`revoke the bucket key ${id}`, async () => {
        try {
          await ask("DELETE", `/accounts/${account}/tokens/${id}`);
        } catch {
          await ask("DELETE", `/user/tokens/${id}`);
        }
      }),
  };
}
