import { OutboundError } from "../../host/outbound/outbound-error.ts";
import type { Outbound } from "../../host/outbound/outbound.ts";
import type { PanicLatch } from "./panic-latch.ts";

/** The apps' way out: while the level is `hard` nothing goes out for them. The host's own alerts and backups do. */
export function closeWayOut(
  outbound: Pick<Outbound, "fetch">,
  panic: Pick<PanicLatch, "level">,
): Pick<Outbound, "fetch"> {
  return {
    fetch: async (purpose, url, init) => {
      if (panic.level() === "hard") throw new OutboundError("closed");
      return await outbound.fetch(purpose, url, init);
    },
  };
}
