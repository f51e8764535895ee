import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { test, type TestContext } from "node:test";

import { createLog } from "../../origin/host/log.ts";
import {
  auditListeners,
  checkListener,
  ExposedListenerError,
  sweepListeners,
} from "../../origin/host/listener-audit.ts";
import { parseSocketTable } from "../../origin/host/socket-table.ts";

const log = createLog({ level: "error", now: Date.now, write: () => {} });

async function listen(t: TestContext, host: string): Promise<number> {
  const server: Server = createServer().listen(0, host);
  t.after(() => server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("a loopback listener passes, by the kernel's tables and by trying to bind", async (t) => {
  const port = await listen(t, "127.0.0.1");
  const audit = await auditListeners(port, process.pid);
  assert.deepEqual(audit.exposed, []);
  assert.deepEqual(await sweepListeners(port), { method: "sweep", exposed: [] });
  await checkListener({ kind: "tcp", host: "127.0.0.1", port }, log);
});

test("a wildcard listener is found by both, and refused whatever was asked for", async (t) => {
  const port = await listen(t, "0.0.0.0");
  const audit = await auditListeners(port, process.pid);
  assert.ok(audit.exposed.length > 0);
  const swept = await sweepListeners(port);
  assert.equal(swept.method, "sweep");
  assert.ok(swept.exposed.includes("127.0.0.2"));
  await assert.rejects(checkListener({ kind: "tcp", host: "127.0.0.1", port }, log), ExposedListenerError);
});

test("an IPv6 wildcard is found too", async (t) => {
  let port: number;
  try {
    port = await listen(t, "::");
  } catch {
    return t.skip("no IPv6 here");
  }
  await assert.rejects(checkListener({ kind: "tcp", host: "::1", port }, log), ExposedListenerError);
});

test("reads the kernel's tables: state, owner and both families", () => {
  const row = (local: string, state: string, inode: number) =>
    `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 ${inode} 1 0000000000000000 100 0 0 10 0`;
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    row("0100007F:1F9A", "0A", 1),
    row("00000000:1F9A", "0A", 2),
    row("0A0200C0:1F9B", "0A", 3),
    row("0100007F:1F9A", "01", 4),
    row("00000000:1F9A", "07", 5),
    row("00000000000000000000000001000000:1F9A", "0A", 6),
    row("00000000000000000000000000000000:1F9A", "0A", 7),
    row("0000000000000000FFFF00000100007F:1F9A", "0A", 8),
    row("B80D0120000000000000000001000000:1F9A", "0A", 9),
  ].join("\n");
  const read = (protocol: "tcp" | "udp") =>
    parseSocketTable(table, protocol).map(({ address, port, inode }) => `${inode} ${address} ${port}`);
  assert.deepEqual(read("tcp"), [
    "1 127.0.0.1 8090",
    "2 0.0.0.0 8090",
    "3 192.0.2.10 8091",
    "6 ::1 8090",
    "7 :: 8090",
    "8 127.0.0.1 8090",
    "9 2001:0db8:0000:0000:0000:0000:0000:0001 8090",
  ]);
  assert.deepEqual(read("udp"), ["5 0.0.0.0 8090"]);
});
