import type { Context, Hono } from "hono";
import { EDGE_ITSELF } from "../../../../shared/edge-client.ts";
import { MAIL_RECIPIENT_PATH, MAIL_WAKE_PATH } from "../../../../shared/mail-policy.ts";
import type { HttpEnv } from "../../../http/request-context.ts";
import type { Addresses } from "../mailbox/addresses.ts";
import type { Arriving } from "./arriving.ts";

/** What the edge asks and tells when a message is at its door. To everybody else the two paths do not exist. */
export function mountDoor(
  routes: Hono<HttpEnv>,
  { addresses, arriving }: { addresses: Pick<Addresses, "resolve">; arriving: Pick<Arriving, "wake"> },
): void {
  const isEdge = (c: Context<HttpEnv>): boolean => c.env.context.client.address === EDGE_ITSELF;

  routes.get(MAIL_RECIPIENT_PATH, (c) => {
    if (!isEdge(c)) return c.notFound();
    const known = addresses.resolve(c.req.query("address") ?? "").kind !== "unknown";
    return c.json({ known }, 200, { "cache-control": "no-store" });
  });

  routes.post(MAIL_WAKE_PATH, (c) => {
    if (!isEdge(c)) return c.notFound();
    arriving.wake();
    return c.body(null, 204);
  });
}
