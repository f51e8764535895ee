import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { checkDataFolder, chooseDataFolder } from "../config/data-folder.ts";
import { isAndroid } from "../host/supervisor/watch-processes.ts";
import { chooseServicesFile } from "../host/supervisor/services-file.ts";
import type { BootFacts, BootFile, BootPlan } from "./boot/boot-plan.ts";
import { runitPlan, s6Plan } from "./boot/run-scripts.ts";
import { systemdPlan } from "./boot/systemd.ts";
import { termuxPlan } from "./boot/termux.ts";
import { answer, type Command, CommandError, type Invocation, textOption, UsageError } from "./command.ts";

const kinds = ["systemd", "termux", "runit", "s6"] as const;
type Kind = (typeof kinds)[number];

export const installBoot: Command = {
  name: "install-boot",
  usage: "[--kind systemd|termux|runit|s6] [--user NAME] [--services FILE] [--into DIR] [--yes]",
  summary: "Shows what starts Burrow with the device, and with --yes writes it.",
  options: {
    kind: { type: "string" },
    user: { type: "string" },
    services: { type: "string" },
    into: { type: "string" },
    yes: { type: "boolean" },
  },
  words: 0,
  async run(invocation) {
    const kind = chooseKind(textOption(invocation, "kind"), invocation.environment);
    const facts = gatherFacts(invocation);
    const plan = planOf(kind, facts);
    const written = invocation.options["yes"] === true;
    if (written) for (const file of plan.files) write(file);
    answer(invocation, { kind, files: plan.files.map(describe), written, next: plan.next }, [
      ...plan.files.flatMap((file) => [`# ${file.path}`, file.content]),
      written ? "Written. Next:" : "Nothing was written: --yes does that. Afterwards:",
      ...plan.next.map((step) => `  ${step}`),
    ]);
    return 0;
  },
};

function chooseKind(option: string | undefined, environment: NodeJS.ProcessEnv): Kind {
  if (option !== undefined) {
    const kind = kinds.find((each) => each === option);
    if (!kind) throw new UsageError(`--kind ${option} is none of ${kinds.join(", ")}.`);
    return kind;
  }
  if (isAndroid()) return "termux";
  if (existsSync("/run/systemd/system")) return "systemd";
  if (environment["SVDIR"] !== undefined || existsSync("/run/runit")) return "runit";
  if (existsSync("/run/s6")) return "s6";
  throw new UsageError(
    `What starts programs on this device was not recognised. Say it: --kind ${kinds.join("|")}.`,
  );
}

/** Root writes the files for another user: whose Burrow it is must be said then, it is not root's. */
function gatherFacts(invocation: Invocation): BootFacts {
  const { environment, root } = invocation;
  const isRoot = process.getuid?.() === 0;
  const other = textOption(invocation, "user");
  const user = other ?? (isRoot ? undefined : userInfo().username);
  const data = textOption(invocation, "data");
  if (user === undefined || user === "root" || (isRoot && data === undefined)) {
    throw new UsageError("As root, say for whom: --user NAME --data DIR. Burrow does not run as root.");
  }
  if (!/^[a-z_][a-z0-9_.-]{0,31}$/i.test(user)) throw new UsageError(`--user ${user} is no user's name.`);
  const dataDir = chooseDataFolder(data, environment);
  if (!isRoot) checkDataFolder(dataDir);
  const services = textOption(invocation, "services");
  return {
    program: join(root, "bin", "burrow"),
    dataDir,
    servicesFile: services === undefined ? undefined : chooseServicesFile(services, environment),
    user,
    switchUser: other !== undefined,
    home: isRoot ? homeOf(user) : homedir(),
    into: textOption(invocation, "into"),
    environment,
  };
}

function homeOf(user: string): string {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith(`${user}:`));
  if (line === undefined) throw new UsageError(`There is no user ${user} on this device.`);
  return line.split(":")[5] ?? "/";
}

function planOf(kind: Kind, facts: BootFacts): BootPlan {
  if (kind === "systemd") return systemdPlan(facts);
  if (kind === "runit") return runitPlan(facts);
  if (kind === "s6") return s6Plan(facts);
  // In a proot Node runs on Linux, as far as it can tell.
  return termuxPlan(facts, isAndroid() && process.platform !== "android");
}

function describe({ path, mode, content }: BootFile) {
  return { path, mode: mode.toString(8), content };
}

/** What the owner has changed by hand stays. */
function write({ path, mode, content }: BootFile): void {
  if (existsSync(path)) {
    if (readFileSync(path, "utf8") === content) return;
    throw new CommandError(`${path} is there already and is another one. Move it away first.`);
  }
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { mode, flag: "wx" });
    // The umask has taken from it what the one that starts programs needs.
    chmodSync(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    throw new CommandError(
      `${path} cannot be written by this user. As root: bin/burrow --data DIR install-boot --user NAME --yes`,
    );
  }
}
