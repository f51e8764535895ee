import { readdirSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import type { Check } from "../../app.ts";
import { messageOf, ok, warning } from "./check.ts";

/** Where sshd's configuration lies: Termux keeps it below $PREFIX. */
export function sshConfigFile(environment: NodeJS.ProcessEnv): string {
  return join(
    environment["PREFIX"]?.includes("com.termux") ? environment["PREFIX"] : "/",
    "etc/ssh/sshd_config",
  );
}

/** Whether somebody could sign in by guessing a password, or as root. Reads the files; sshd itself is not asked. */
export function checkSsh(path: string): Check {
  let lines: Line[];
  try {
    lines = readLines(path, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ok("ssh", "No SSH server is set up here.");
    return warning("ssh", `${path} cannot be read (${messageOf(error)}).`, {
      why: "It cannot be seen whether passwords open this device.",
      mend: `Look yourself: sudo sshd -T | grep -Ei 'passwordauth|kbdinteractive|permitrootlogin'`,
    });
  }
  const faults = [
    ...passwordFaults(lines),
    ...rootFaults(lines),
    ...lines
      .filter((line) => line.inMatch && isLoosening(line))
      .map((line) => `a Match block says "${line.keyword} ${line.value}"`),
  ];
  if (faults.length === 0) return ok("ssh", "Keys only, and no root.");
  return warning("ssh", `${path}: ${faults.join("; ")}.`, {
    why: "Whoever reaches the SSH port may guess until a password fits, and root may do everything.",
    mend: `Sign in with a key first. Then put "PasswordAuthentication no", "KbdInteractiveAuthentication no" and "PermitRootLogin no" at the top of ${path}, and restart sshd.`,
  });
}

/** sshd_config(5): of each keyword the first value holds; keywords are compared without their case. */
interface Line {
  readonly keyword: string;
  readonly value: string;
  readonly inMatch: boolean;
}

const deepest = 5;

function readLines(path: string, depth: number): Line[] {
  const lines: Line[] = [];
  let inMatch = false;
  for (const text of readFileSync(path, "utf8").split("\n")) {
    const [, keyword = "", rest = ""] = /^\s*([A-Za-z]+)(?:\s+|\s*=\s*)(.+?)\s*$/.exec(text) ?? [];
    const name = keyword.toLowerCase();
    if (name === "include" && depth < deepest) {
      for (const file of rest.split(/\s+/).flatMap((pattern) => expand(pattern, dirname(path)))) {
        lines.push(
          ...readLines(file, depth + 1).map((line) => ({ ...line, inMatch: inMatch || line.inMatch })),
        );
      }
    } else if (name === "match") inMatch = rest.toLowerCase() !== "all";
    else if (name !== "") lines.push({ keyword: name, value: unquote(rest).toLowerCase(), inMatch });
  }
  return lines;
}

/** A pattern's files in their order; stars only in the last name, as distributions use it. */
function expand(pattern: string, folder: string): string[] {
  const full = isAbsolute(unquote(pattern)) ? unquote(pattern) : join(folder, unquote(pattern));
  const name = full.slice(dirname(full).length + 1);
  const matcher = new RegExp(
    `^${name
      .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );
  try {
    return readdirSync(dirname(full))
      .filter((file) => matcher.test(file))
      .toSorted()
      .map((file) => join(dirname(full), file));
  } catch {
    return [];
  }
}

function unquote(text: string): string {
  return /^"(.*)"/.exec(text)?.[1] ?? text.replace(/\s+#.*$/, "");
}

function valueOf(lines: readonly Line[], fallback: string, ...keywords: string[]): string {
  return lines.find((line) => !line.inMatch && keywords.includes(line.keyword))?.value ?? fallback;
}

function passwordFaults(lines: readonly Line[]): string[] {
  const byPassword = valueOf(lines, "yes", "passwordauthentication") !== "no";
  const byQuestion =
    valueOf(lines, "yes", "kbdinteractiveauthentication", "challengeresponseauthentication") !== "no";
  // Where a key is asked for in any case, a password alone opens nothing.
  const methods = valueOf(lines, "any", "authenticationmethods").split(/\s+/);
  if (methods.every((list) => list.split(",").includes("publickey"))) return [];
  return [
    ...(byPassword ? ["passwords are taken"] : []),
    ...(byQuestion ? ["passwords are taken by keyboard-interactive"] : []),
  ];
}

function rootFaults(lines: readonly Line[]): string[] {
  const value = valueOf(lines, "prohibit-password", "permitrootlogin");
  return value === "no"
    ? []
    : [value === "yes" ? "root may sign in" : `root may sign in with a key (${value})`];
}

function isLoosening({ keyword, value }: Line): boolean {
  const loosened: Record<string, boolean> = {
    passwordauthentication: value === "yes",
    kbdinteractiveauthentication: value === "yes",
    challengeresponseauthentication: value === "yes",
    permitrootlogin: value !== "no",
  };
  return loosened[keyword] ?? false;
}
