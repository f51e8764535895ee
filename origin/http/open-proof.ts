import type { ListenAddress } from "../config/config.ts";
import { isLoopback } from "../config/settings.ts";
import type { AcceptedProof, EdgeProof } from "./edge-proof.ts";

/**
 * Takes every request as one that the edge has signed, for the host that its `Host` field names: a test server has
 * no edge in front, for suites of others speak plain HTTP to one URL. It listens to this machine alone. Its replies
 * prove nothing, so that an edge before it would refuse them.
 */
export function createOpenProof(options: { listen: ListenAddress; now: () => number }): EdgeProof {
  const { listen, now } = options;
  let last: { field: string | undefined; host: ReturnType<typeof hostOf> } | undefined;
  /** A suite asks for one host all the time. */
  const rememberedHost = (field: string | undefined): ReturnType<typeof hostOf> => {
    if (last?.field !== field || !last) last = { field, host: hostOf(field) };
    return last.host;
  };
  if (listen.kind !== "tcp" || !isLoopback(listen.host)) {
    throw new Error("Without the edge's proof the origin listens on a loopback address only.");
  }
  return {
    verify(incoming): AcceptedProof {
      return {
        proof: "accepted",
        nonce: "-",
        keyid: "none",
        authentic: true,
        client: {
          ...rememberedHost(incoming.headers.host),
          scheme: "http",
          addr: incoming.socket.remoteAddress ?? listen.host,
          time: Math.floor(now() / 1000),
        },
      };
    },
    replyHeader: () => "unproved",
    diagnosis: () => ({ clockSkewSeconds: 0, recentFailures: 0, lastFailureAt: null }),
  };
}

/** Empty, and so no host of ours, where the field is missing or odd. */
function hostOf(field: string | undefined): { host: string; port?: number } {
  const url = URL.parse(`http://${field ?? ""}`);
  if (!url) return { host: "" };
  return { host: url.hostname, ...(url.port !== "" && { port: Number(url.port) }) };
}
