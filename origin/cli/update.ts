import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../config/config.ts";
import type { Running } from "../host/data-lock.ts";
import { fetchVerified } from "../host/downloads/fetch-verified.ts";
import { createStderrLog } from "../host/log.ts";
import { installDependencies } from "../host/update/dependencies.ts";
import { findInstallation } from "../host/update/installation.ts";
import { hashBeside, takeRelease } from "../host/update/take-release.ts";
import {
  planReturn,
  releasesFolder,
  resumeUpdate,
  rollBack,
  type Updated,
  updateTo,
  type UpdateStep,
  type Updating,
  withUpdateLock,
} from "../host/update/update.ts";
import { runningVersion } from "../host/version.ts";
import { answer, type Command, CommandError, type Invocation, textOption, UsageError } from "./command.ts";
import { openConfig } from "./open-members.ts";
import { showProgress } from "./show-progress.ts";

const MB = 1_000_000;

export const update: Command = {
  name: "update",
  usage: "--from FILE|URL [--sha256 HASH] [--restart COMMAND] | --rollback [--yes] [--restart COMMAND]",
  summary: "Updates to a release, tried on a copy of the data first, or returns to the version before.",
  options: {
    from: { type: "string" },
    sha256: { type: "string" },
    restart: { type: "string" },
    rollback: { type: "boolean" },
    yes: { type: "boolean" },
  },
  words: 0,
  async run(invocation) {
    const from = textOption(invocation, "from");
    const wantsReturn = invocation.options["rollback"] === true;
    if ((from === undefined) !== wantsReturn) {
      throw new UsageError(
        "Say where the release is (burrow update --from burrow-0.2.0.tgz), or --rollback to return to the version before.",
      );
    }
    const config = openConfig(invocation);
    const installation = findInstallation(invocation.root);
    const updating: Updating = {
      installation,
      running: { root: invocation.root, version: runningVersion },
      config,
      restart: restartWith(textOption(invocation, "restart")),
      patience: { startMs: 120_000, steadyMs: 10_000 },
      onStep: (step) => say(invocation, stepTexts[step]),
    };
    if (from === undefined) return await goBack(invocation, updating);
    const sha256 = hashFor(invocation, from);
    return await withUpdateLock(installation, () => goOn(invocation, updating, { from, sha256 }));
  },
};

const stepTexts: Readonly<Record<UpdateStep, string>> = {
  unpack: "Unpacking …",
  packages: "Taking the packages that it needs …",
  try: "Trying it on a copy of the data …",
  switch: "Switching …",
  restart: "Restarting, and watching it …",
  confirm: "It runs and answers.",
  "roll back": "Returning to the version before …",
};

const isUrl = (from: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(from);

/** The hash that the release must have; from beside it only where it is a file. */
function hashFor(invocation: Invocation, from: string): string {
  const given = textOption(invocation, "sha256")?.toLowerCase();
  if (given !== undefined && !/^[0-9a-f]{64}$/.test(given))
    throw new UsageError("--sha256 takes the 64 hexadecimal digits of a SHA-256.");
  const sha256 = given ?? (isUrl(from) ? undefined : hashBeside(resolve(from)));
  if (sha256 !== undefined) return sha256;
  const beside = isUrl(from) ? "" : `, or in the file ${from}.sha256`;
  throw new UsageError(`Give the release's SHA-256 as it is published: --sha256 HASH${beside}.`);
}

/** A release that was asked for. */
interface Asked {
  readonly from: string;
  readonly sha256: string;
}

async function goOn(invocation: Invocation, updating: Updating, asked: Asked): Promise<number> {
  const updated = (await resumeUpdate(updating)) ?? (await updateAnew(invocation, updating, asked));
  answer(invocation, updated, [describe(updated)]);
  return 0;
}

async function updateAnew(invocation: Invocation, updating: Updating, asked: Asked): Promise<Updated> {
  const archive = await takeVerified(invocation, updating, asked);
  try {
    return await updateTo(archive, { ...updating, installDependencies });
  } finally {
    rmSync(archive, { force: true });
  }
}

function describe({ from, to, seen }: Updated): string {
  return seen === "running"
    ? `Burrow ${to} runs (before: ${from}).`
    : `Burrow ${to} is installed (before: ${from}) and ran on a copy of the data. No daemon runs; the next start is its first.`;
}

/** The verified archive, in the installation's own folder. */
async function takeVerified(
  invocation: Invocation,
  { installation, config }: Updating,
  { from, sha256 }: Asked,
): Promise<string> {
  const target = join(releasesFolder(installation), "incoming.tgz");
  if (isUrl(from)) await fetchRelease(invocation, config, { url: from, sha256, target });
  else await takeRelease(resolve(from), sha256, target);
  return target;
}

async function fetchRelease(
  invocation: Invocation,
  config: Config,
  { url, sha256, target }: { url: string; sha256: string; target: string },
): Promise<void> {
  const { createOutbound } = await import("../host/outbound/outbound.ts");
  const outbound = createOutbound({ config, log: createStderrLog("error"), now: Date.now });
  const progress = showProgress(invocation, "release");
  try {
    await fetchVerified({ url, sha256, maxBytes: 100 * MB }, target, { outbound, onProgress: progress.show });
  } finally {
    progress.end();
    await outbound.close();
  }
}

async function goBack(invocation: Invocation, updating: Updating): Promise<number> {
  const { from, to, migrates, at } = planReturn(updating);
  const names = Object.keys(migrates);
  const since = new Date(at).toISOString();
  const cost =
    names.length === 0
      ? "No database changes."
      : `The databases ${names.join(", ")} become what they were at ${since}; what was written since is set aside in ${join(updating.config.dataDir, "update", `after-${to.version}`)}.`;
  const plan = { from: to.version, to: from.version, databases: names, since };
  if (invocation.options["yes"] !== true) {
    answer(invocation, { ...plan, done: false }, [
      `This returns from ${to.version} to ${from.version}. ${cost}`,
      "Nothing was done yet. Do it with --yes.",
    ]);
    return 0;
  }
  const seen = await withUpdateLock(updating.installation, () => rollBack(updating));
  answer(invocation, { ...plan, done: true, seen }, [
    `Returned from ${to.version} to ${from.version}. ${cost}`,
    seen ? "It runs." : "It was not seen running: start it.",
  ]);
  return 0;
}

/** By the owner's command, else by ending it: a service manager starts it anew, by bin/burrow and so as the new version. */
function restartWith(command: string | undefined): (running: Running) => Promise<void> {
  return async ({ pid }) => {
    if (command === undefined) {
      try {
        process.kill(pid, "SIGTERM");
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EPERM")
          throw new CommandError(`The daemon (process ${pid}) belongs to another user. Update as that user.`);
        if (code !== "ESRCH") throw error;
      }
      return;
    }
    const { status } = spawnSync("sh", ["-c", command], { stdio: ["ignore", "ignore", "inherit"] });
    // The watch tells what came of it; a manager may well answer with an error and restart all the same.
    if (status !== 0) process.stderr.write(`burrow: "${command}" ended with ${status ?? "a signal"}.\n`);
  };
}

function say(invocation: Invocation, text: string): void {
  if (!invocation.json) process.stderr.write(`${text}\n`);
}
