import type { MatrixContext } from "../matrix-context.ts";
import type { Route } from "../route.ts";

/** How calls travel, as clients of MSC4143 are told: the owner's LiveKit, where there is one. */
export function rtcTransports(matrix: MatrixContext): object[] {
  const url = matrix.config.matrix.livekitServiceUrl;
  return url === "" ? [] : [{ type: "livekit", livekit_service_url: url }];
}

export function rtcTransportsRoutes(matrix: MatrixContext): Route[] {
  return [
    {
      method: "GET",
      path: "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports",
      access: "member",
      handle: () => ({ rtc_transports: rtcTransports(matrix) }),
    },
  ];
}
