/**
 * What a device has to carry while nothing happens: `idle.ts [SECONDS]` makes the release, unpacks it into a clean
 * folder, runs `burrow up` from it with all that can be on and a program in cloudflared's place, and after so many
 * seconds (60 unless told) prints every process and its memory. The packages are this checkout's.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

import { writeSecret } from "../../origin/config/secrets.ts";
import { makeRelease } from "../../tools/release.ts";
import { freePort } from "../support/origin-process.ts";
import { projectRoot } from "../support/run-burrow.ts";

const seconds = Number(process.argv[2] ?? 60);
const budget = { processes: 3, originMegabytes: 120 };

const folder = mkdtempSync(join(tmpdir(), "burrow-idle-bench-"));
try {
  await bench();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  const { file, version } = await makeRelease(projectRoot, join(folder, "out"));
  execFileSync("tar", ["-xzf", file, "-C", folder]);
  const release = join(folder, `burrow-${version}`);
  symlinkSync(join(projectRoot, "node_modules"), join(release, "node_modules"));
  const burrow = join(release, "bin/burrow");
  const dataDir = join(folder, "data");
  execFileSync(burrow, ["--data", dataDir, "init", "--server-name", "example.org"], { stdio: "ignore" });
  const [metrics, nobody] = [await freePort(), await freePort()];
  // Everything that can be on. Nobody listens where alerts and backups would go: none is due in a minute.
  appendFileSync(
    join(dataDir, "burrow.toml"),
    `
[tunnel]
enabled = true
metrics_port = ${metrics}
[alerts]
ntfy_url = "http://127.0.0.1:${nobody}/topic"
[backup]
s3_url = "http://127.0.0.1:${nobody}/bucket"
s3_key_id = "bench"
`,
  );
  writeSecret(dataDir, "tunnel-token", `eyJ${"0".repeat(60)}`);
  writeSecret(dataDir, "s3-secret", "0".repeat(40));
  const programs = standIn();

  const child = spawn(burrow, ["--data", dataDir, "--json", "up", "--allow-root"], {
    cwd: "/",
    env: { ...process.env, PATH: `${programs}:${process.env["PATH"]}`, BURROW_LOG_LEVEL: "warn" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(createInterface({ input: child.stdout }), "line");
    await pause(seconds * 1000);
    const rows = await treeBelow(child.pid ?? 0);
    console.log(`${seconds} s after "burrow up" from the release:`);
    for (const { pid, name, megabytes, peak } of rows) {
      const what =
        pid === child.pid
          ? "the origin"
          : name.includes("cloudflared")
            ? "in cloudflared's place"
            : "the guard";
      console.log(`  ${what}: ${megabytes} MB (peak ${peak}), ${name.slice(0, 60)}`);
    }
    const origin = rows.find(({ pid }) => pid === child.pid)?.megabytes;
    console.log(`processes: ${rows.length}, target ≤ ${budget.processes}`);
    console.log(`RSS of the origin when idle: ${origin} MB, target ≤ ${budget.originMegabytes}`);
  } finally {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}

/** A folder with a `cloudflared` that is ready at once and dials nowhere. */
function standIn(): string {
  const programs = join(folder, "programs");
  mkdirSync(programs, { mode: 0o700 });
  const program = `
    const option = (name) => process.argv.find((word) => word.startsWith("--" + name + "="))?.split("=")[1];
    require("node:http").createServer((request, response) => response.end("{}"))
      .listen(Number(option("metrics").split(":")[1]), "127.0.0.1");
    process.on("SIGTERM", () => process.exit(0));`;
  writeFileSync(join(programs, "cloudflared.cjs"), program);
  const script = `#!/bin/sh\nexec "${process.execPath}" "${join(programs, "cloudflared.cjs")}" "$@"\n`;
  writeFileSync(join(programs, "cloudflared"), script, { mode: 0o700 });
  return programs;
}

interface Row {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  readonly megabytes: number;
  readonly peak: number;
}

/** The process and all that descends from it. */
async function treeBelow(root: number): Promise<Row[]> {
  const rows = (await readdir("/proc"))
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readRow(Number(name)));
  const found = rows.filter(({ pid }) => pid === root);
  for (const row of found) found.push(...rows.filter(({ parent }) => parent === row.pid));
  return found;
}

function readRow(pid: number): Row[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const number = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    const megabytes = (name: string): number => Math.round((number(name) * 1024) / 1e6);
    const [program = "", ...words] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    const name = [program, ...words.slice(0, -1)]
      .map((word) => basename(word.split("\n", 1)[0] ?? ""))
      .join(" ");
    return [{ pid, parent: number("PPid"), name, megabytes: megabytes("VmRSS"), peak: megabytes("VmHWM") }];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}
