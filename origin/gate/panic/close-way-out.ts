import { OutboundError } from "../../host/outbound/outbound-error.ts";
import type { Outbound } from "../../host/outbound/outbound.ts";
import type { PanicLatch } from "./panic-latch.ts";

/** The apps' way out: while the level is `hard` nothing goes out for them. The host's own alerts and backups do. */
export function closeWayOut(
  outbound: Pick<Outbound, "fetch" | "connect">,
  panic: Pick<PanicLatch, "level" | "onChange">,
): Pick<Outbound, "fetch" | "connect"> {
  function refuseWhileClosed(): void {
    if (panic.level() === "hard") throw new OutboundError("closed");
  }
  return {
    fetch: async (purpose, url, init) => {
      refuseWhileClosed();
      return await outbound.fetch(purpose, url, init);
    },
    connect: async (purpose, host, port) => {
      refuseWhileClosed();
      const opened = await outbound.connect(purpose, host, port);
      // It may stay open for as long as there is something to say.
      const forget = panic.onChange((level) => {
        if (level === "hard") opened.socket.destroy(new OutboundError("closed"));
      });
      opened.socket.once("close", forget);
      return opened;
    },
  };
}
