/** `download` as the documentation walks it: pin, fetch, name it in the services file, and the daemon runs it. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";

import { initialise } from "../../origin/cli/init.ts";
import { writeSecret } from "../../origin/config/secrets.ts";
import { makeCertificate } from "../host/outbound/certificate.ts";
import { lowPort } from "../host/supervisor/fixture.ts";
import { projectRoot, runBurrow } from "../support/run-burrow.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Serves /ready where --metrics says; for the rest of it a program like any other. */
const standIn = `#!/bin/sh
exec "${process.execPath}" -e '
  const at = process.argv.find((word) => word.startsWith("--metrics=")).split(":")[1];
  require("node:http").createServer((request, response) => response.end("{}")).listen(Number(at), "127.0.0.1");
  process.on("SIGTERM", () => process.exit(0));
' -- "$@"
`;

interface Machine {
  readonly data: string;
  readonly config: string;
  readonly environment: NodeJS.ProcessEnv;
}

/** A data folder with a pin of what a local server gives out, and a folder for configuration. */
async function machine(
  t: TestContext,
  bytes: string,
  sha256: string,
  name = "cloudflared",
): Promise<Machine> {
  const folder = temporaryFolder(t);
  const [data, config] = [join(folder, "data"), join(folder, "config")];
  const { cert, key } = makeCertificate("localhost");
  const server = createServer({ cert, key }, (_request, response) => response.end(bytes));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  writeFileSync(join(folder, "root.pem"), cert);
  initialise({ dataDir: data, serverName: "example.org", mode: "production" });
  appendFileSync(
    join(data, "burrow.toml"),
    `\n[downloads.${name}]\nversion = "1.2.3"\nurl = "https://localhost:${(server.address() as AddressInfo).port}/a.tar.gz"\nsha256 = "${sha256}"\n`,
  );
  const environment = { XDG_CONFIG_HOME: config, NODE_EXTRA_CA_CERTS: join(folder, "root.pem") };
  return { data, config, environment };
}

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");

test("a fetched cloudflared lies outside the data folder, and the daemon runs it once the services file names it", async (t) => {
  const { data, config, environment } = await machine(t, standIn, hashOf(standIn));
  const port = await lowPort();
  appendFileSync(join(data, "burrow.toml"), `\n[tunnel]\nenabled = true\nmetrics_port = ${port}\n`);
  writeSecret(data, "tunnel-token", "eyJhIjoiZXhhbXBsZSIsInQiOiJ0dW5uZWwiLCJzIjoic2VjcmV0In0=");

  const outcome = await runBurrow(["--data", data, "download", "cloudflared"], { environment });
  assert.equal(outcome.code, 0, outcome.stderr);
  const program = join(config, "burrow", "programs", "cloudflared-1.2.3");
  assert.equal(statSync(program).mode & 0o777, 0o700);
  assert.equal(statSync(join(config, "burrow", "programs")).mode & 0o777, 0o700);
  assert.ok(!existsSync(join(data, "downloads")));

  // What it says to write, as it stands there.
  const [, file = "", lines = ""] = /write into (.*):\n([\s\S]*)and restart/.exec(outcome.stdout) ?? [];
  assert.equal(file, join(config, "burrow", "services.toml"));
  writeFileSync(file, lines, { mode: 0o600 });
  const daemon = await start(t, data, environment);
  for (;;) {
    const report = await runBurrow(["--data", data, "--json", "service", "list"], { environment });
    const { services, problems, processes } = report.json<{
      services: { state: string }[];
      problems: string[];
      processes: number | null;
    }>();
    assert.deepEqual(problems, []);
    if (services[0]?.state === "running") {
      // H3: the origin, cloudflared, and the shell that ends it when the origin is killed.
      if (processes !== null) assert.equal(processes, 3);
      break;
    }
    assert.equal(services[0]?.state, "starting");
  }
  daemon.kill("SIGTERM");
  await once(daemon, "exit");
});

async function start(t: TestContext, data: string, environment: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const daemon = spawn(`${projectRoot}/bin/burrow`, ["--data", data, "--json", "up"], {
    env: { ...process.env, ...environment, BURROW_ALLOW_ROOT: "1" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => daemon.kill("SIGKILL"));
  await once(createInterface({ input: daemon.stdout as NodeJS.ReadableStream }), "line");
  return daemon;
}

test("a program that differs from its pin is nowhere", async (t) => {
  const { data, config, environment } = await machine(t, standIn, hashOf("something else"));
  const outcome = await runBurrow(["--data", data, "download", "cloudflared"], { environment });
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /SHA-256 differs/);
  assert.deepEqual(readdirSync(join(config, "burrow", "programs")), ["lock.db"]);
});

test("a folder where others may write takes no program, nor does one in the data folder", async (t) => {
  const { data, config, environment } = await machine(t, standIn, hashOf(standIn));
  mkdirSync(join(config, "burrow", "programs"), { recursive: true });
  chmodSync(join(config, "burrow", "programs"), 0o777);
  const loose = await runBurrow(["--data", data, "download", "cloudflared"], { environment });
  assert.deepEqual(
    [loose.code, /^burrow: Other users may write to .*programs/.test(loose.stderr)],
    [1, true],
  );
  assert.deepEqual(readdirSync(join(config, "burrow", "programs")), []);
  const inside = await runBurrow(["--data", data, "download", "cloudflared"], {
    environment: { ...environment, BURROW_SERVICES: join(data, "services.toml") },
  });
  assert.deepEqual([inside.code, /^burrow: .* lies in the data folder/.test(inside.stderr)], [1, true]);
  assert.ok(!existsSync(join(data, "programs")));
});

test("a web client is no program: it stays in the data folder, and nobody is told to run it", async (t) => {
  const { data, config, environment } = await machine(t, "a client", hashOf("a client"), "cinny");
  const outcome = await runBurrow(["--data", data, "download", "cinny"], { environment });
  assert.equal(outcome.code, 0, outcome.stderr);
  assert.equal(statSync(join(data, "downloads", "cinny-1.2.3.tar.gz")).mode & 0o777, 0o600);
  assert.ok(!existsSync(config));
  assert.doesNotMatch(outcome.stdout, /run it/);
});
