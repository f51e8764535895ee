import assert from "node:assert/strict";
import { test } from "node:test";

import { createOpenProof } from "../../origin/http/open-proof.ts";

test("without the edge's proof nothing but a loopback address will do", () => {
  createOpenProof({ listen: { kind: "tcp", host: "127.0.0.1", port: 0 }, now: Date.now });
  for (const listen of [
    { kind: "tcp", host: "0.0.0.0", port: 8008 },
    { kind: "tcp", host: "::", port: 8008 },
    { kind: "tcp", host: "192.168.1.2", port: 8008 },
    // The tunnel leads to the socket.
    { kind: "unix", path: "/run/origin.sock" },
  ] as const) {
    assert.throws(() => createOpenProof({ listen, now: Date.now }), /loopback address only/);
  }
});
