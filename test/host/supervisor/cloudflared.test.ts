/** H2: cloudflared as a service, played by a program that takes its arguments and behaves like it. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { ConfigError, readConfig } from "../../../origin/config/read-config.ts";
import { secretFile } from "../../../origin/config/secrets.ts";
import { cloudflaredService } from "../../../origin/host/supervisor/cloudflared.ts";
import { ServicesFileError } from "../../../origin/host/supervisor/trusted-file.ts";
import {
  type Beacon,
  lightBeacon,
  nodeService,
  prepareFolders,
  reporting,
  supervise,
  turnUntil,
  lowPort,
} from "./fixture.ts";

const token = "eyJhIjoiZXhhbXBsZSIsInQiOiJ0dW5uZWwiLCJzIjoic2VjcmV0In0=";

/** Serves its readiness where --metrics says (on `host`), and opens a UDP socket to dial out, as QUIC needs one. */
function standIn(folder: string, beacon: Beacon, host = "127.0.0.1"): string {
  const path = join(folder, "config", "cloudflared");
  const program = `${reporting(beacon)}
    const option = (name) => process.argv.find((word) => word.startsWith("--" + name + "="))?.split("=")[1];
    const token = require("node:fs").readFileSync(option("token-file"), "utf8").trim();
    console.log("INF Starting tunnel with " + token);
    const server = require("node:http").createServer((request, response) => {
      response.writeHead(request.url === "/ready" ? 200 : 404).end("{}");
    });
    server.listen(Number(option("metrics").split(":")[1]), ${JSON.stringify(host)}, () => {
      require("node:dgram").createSocket("udp4").bind(0, "0.0.0.0", () => {
        say({ words: process.argv.slice(2), environment: process.env, tokenLength: token.length });
      });
    });
    process.on("SIGTERM", () => process.exit(0));`;
  writeFileSync(`${path}.cjs`, program);
  // Node's own path may hold a space, which a first line cannot; dash would add PWD to the environment.
  writeFileSync(path, `#!/bin/sh\nexec env -u PWD "${process.execPath}" "${path}.cjs" "$@"\n`, {
    mode: 0o700,
  });
  return path;
}

async function tunnelFolders(
  t: TestContext,
): Promise<{ folders: ReturnType<typeof prepareFolders>; port: number }> {
  const port = await lowPort();
  return { port, folders: prepareFolders(t, `[tunnel]\nenabled = true\nmetrics_port = ${port}\n`) };
}

test("cloudflared runs with its token in a file, and nobody else learns it", async (t) => {
  const beacon = await lightBeacon(t);
  const { folders, port } = await tunnelFolders(t);
  const other = `${reporting(beacon)} say({ other: true, environment: process.env }); setInterval(() => {}, 1e6);`;
  const { supervisor, clock, logged, dataDir, log } = await supervise(t, {
    folders,
    token,
    cloudflared: standIn(folders.folder, beacon),
    services: [nodeService("notes", other, { start_after: ["cloudflared"] })],
  });
  const { said } = await beacon.next();
  assert.deepEqual(said["words"], [
    "tunnel",
    "--config=/dev/null",
    "--no-autoupdate",
    `--metrics=127.0.0.1:${port}`,
    "--management-diagnostics=false",
    "--grace-period=3s",
    "run",
    "--protocol=quic",
    `--token-file=${secretFile(dataDir, "tunnel-token")}`,
  ]);
  assert.equal(said["tokenLength"], token.length);
  assert.deepEqual(Object.keys(said["environment"] as object).toSorted(), ["BURROW_SERVICE", "PATH"]);
  await turnUntil(clock, logged("service.healthy", "cloudflared"));
  const neighbour = await beacon.next();
  assert.ok(neighbour.said["other"]);
  assert.ok(!JSON.stringify(neighbour.said).includes(token.slice(0, 20)));
  const { listeners } = await supervisor.report();
  assert.ok(
    listeners.some(({ owner, address }) => owner === "cloudflared" && address === `127.0.0.1:${port}`),
  );

  // Two looks, a quarter of a minute apart: the socket that it dials out by is no listener.
  clock.advance(5_000);
  while (supervisor.status()[0]?.audit === null) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(30_000);
  await supervisor.report();
  assert.equal(supervisor.status()[0]?.state, "running");
  assert.ok(!JSON.stringify(log).includes(token.slice(0, 20)));

  // A panic stops what runs beside the origin; the tunnel is the way by which it is ended from afar.
  await supervisor.hold();
  assert.deepEqual(
    supervisor.status().map(({ name, state }) => `${name} ${state}`),
    ["cloudflared running", "notes stopped"],
  );
  await supervisor.close();
  assert.match(
    readFileSync(join(dataDir, "logs", "cloudflared.log"), "utf8"),
    /Starting tunnel with \[redacted\]/,
  );
});

test("a token that others may read by now keeps it from starting again, until that is mended", async (t) => {
  const beacon = await lightBeacon(t);
  const { folders } = await tunnelFolders(t);
  const { supervisor, logged } = await supervise(t, {
    folders,
    token,
    cloudflared: standIn(folders.folder, beacon),
    services: [],
  });
  const { gone } = await beacon.next();
  chmodSync(secretFile(folders.dataDir, "tunnel-token"), 0o644);
  await supervisor.restart("cloudflared");
  await gone;
  assert.match(String((await logged("service.refused", "cloudflared"))["why"]), /can be read by other users/);
  assert.equal(supervisor.status()[0]?.pid, null);
  chmodSync(secretFile(folders.dataDir, "tunnel-token"), 0o600);
  await supervisor.restart("cloudflared");
  assert.equal((await beacon.next()).said["tokenLength"], token.length);
});

test("figures that the network could read end it", async (t) => {
  const beacon = await lightBeacon(t);
  const { folders, port } = await tunnelFolders(t);
  const { clock, logged } = await supervise(t, {
    folders,
    token,
    cloudflared: standIn(folders.folder, beacon, "0.0.0.0"),
    services: [],
  });
  const { gone } = await beacon.next();
  clock.advance(5_000);
  assert.match(String((await logged("service.refused"))["why"]), new RegExp(`tcp 0\\.0\\.0\\.0:${port}`));
  await gone;
});

test("the program comes from the services file or PATH, never from the data folder", async (t) => {
  const { folder, dataDir } = (await tunnelFolders(t)).folders;
  const config = readConfig({ dataDir, environment: {} });
  const find = (path: string) =>
    cloudflaredService(config, { binary: undefined, tokenFile: "/t", environment: { PATH: path } })
      .command[0];
  const write = (where: string, mode: number): string => {
    mkdirSync(where, { recursive: true });
    writeFileSync(join(where, "cloudflared"), "#!/bin/sh\n");
    chmodSync(join(where, "cloudflared"), mode);
    return where;
  };
  const good = write(join(folder, "good"), 0o755);
  assert.equal(
    find(`relative:${write(join(dataDir, "bin"), 0o755)}:${write(join(folder, "loose"), 0o777)}:${good}`),
    join(good, "cloudflared"),
  );
  assert.throws(() => find(join(dataDir, "bin")), ServicesFileError);
  writeFileSync(
    join(dataDir, "burrow.toml"),
    'server_name = "example.org"\n[tunnel]\nenabled = true\nbinary = "/bin/sh"\n',
  );
  assert.throws(() => readConfig({ dataDir, environment: {} }), ConfigError);
});
