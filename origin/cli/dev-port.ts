import { createServer, type AddressInfo } from "node:net";
import { CommandError } from "./command.ts";

const usual = 8787;

/**
 * The port that the edge will have: the one asked for, else 8787 or the next free one. It is chosen before the
 * origin starts, because the origin's links carry it. Throws CommandError when the one asked for is taken.
 */
export async function chooseEdgePort(asked: number | undefined): Promise<number> {
  if (asked !== undefined) {
    const port = await tryPort(asked);
    if (port === undefined) {
      throw new CommandError(`Port ${asked} is taken. Leave --edge-port out for the next free one.`);
    }
    return port;
  }
  for (let port = usual; port < usual + 100; port += 1) {
    if ((await tryPort(port)) !== undefined) return port;
  }
  throw new CommandError(`No port from ${usual} on is free. Choose one with --edge-port.`);
}

/** The port itself (a free one for 0) when it can be bound. */
export function tryPort(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(undefined));
    probe.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      const bound = (probe.address() as AddressInfo).port;
      probe.close(() => resolve(bound));
    });
  });
}
