/**
 * Looks through what git would publish (the index, and files that are new) for what must not be published: keys,
 * tokens, real addresses, and the traces of the machine it was written on.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";

interface Rule {
  readonly name: string;
  readonly pattern: RegExp;
  /** Whether this match is meant; what it is about stands in `allowed` otherwise. */
  readonly accept?: (match: RegExpMatchArray) => boolean;
}

/** Words that a made-up secret contains: an obvious placeholder harms nobody. */
const placeholder =
  /example|placeholder|invalid|dummy|wrong|test|fake|xxx|\.\.\.|<|\$\{|hunter2|correct horse/i;

export const rules: readonly Rule[] = [
  { name: "private key", pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{40,}/g },
  { name: "age key", pattern: /AGE-SECRET-KEY-1[0-9A-Z]{50,}/g },
  { name: "Matrix token", pattern: /\bsyt_[A-Za-z0-9]{4,}_[A-Za-z0-9]{8,}_[A-Za-z0-9]{4,}/g },
  { name: "Burrow token", pattern: /\bb(?:at|rt)_[\w-]{43}\b|\bb[is]t_[\w.~-]{27}\b/g },
  { name: "edge key", pattern: /\bk[0-9a-f]{8}\.[A-Za-z0-9_-]{43}\b/g },
  { name: "AWS key", pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, accept: ([text]) => /EXAMPLE/.test(text) },
  { name: "GitHub token", pattern: /\bgh[pousr]_[A-Za-z0-9]{36}\b/g },
  {
    name: "secret in quotes",
    pattern:
      /\b\w*(?:secret|passw(?:or)?d|passphrase|api_?key|auth_?token)\w*["']?\s*[:=]\s*(["'`])([^"'`\s]{16,})\1/gi,
    accept: ([, , value = ""]) => placeholder.test(value) || !looksRandom(value),
  },
  {
    name: "public IPv4 address",
    pattern: /(?<![\w.§-])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\w.-]*\d\.|\.?\d|-)/g,
    accept: (match) => isHarmlessIpv4(match.slice(1, 5).map(Number)),
  },
  {
    name: "public IPv6 address",
    pattern: /(?<![\w:.])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){0,7}(?![\w:])/gi,
    accept: ([text]) => !isIPv6(text) || isHarmlessIpv6(text),
  },
  {
    name: "path of a developer's machine",
    pattern: /(?<![\w.~-])\/(?:work|root|home\/(?!ada|ben|cleo)\w+|Users\/\w+)\/[\w.-]+/g,
  },
  {
    name: "registry host",
    pattern: /"resolved":|\b(?:registry|npm|artifactory|nexus)\.(?!npmjs\.org)[\w-]+\.[a-z]{2,}\b/g,
  },
];

/** Files and what is meant there. Each entry has its reason. */
const allowed: readonly { file: RegExp; rule: string; text: RegExp; reason: string }[] = [
  {
    file: /^(?:test\/host\/redact\.test|origin\/host\/redact|tools\/leak-scan|test\/leak-scan\.test)\.ts$/,
    rule: "*",
    text: /.*/s,
    reason: "patterns and made-up secrets: the redactor's and this scan's own subject",
  },
  {
    file: /^test\/shared\/edge-proof\.test\.ts$/,
    rule: "secret in quotes",
    text: /uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==/,
    reason: "the published test vector of RFC 9421, appendix B.1.5",
  },
  {
    file: /^package-lock\.json$/,
    rule: "public IPv4 address",
    text: /^\d+\.\d+\.\d+\.\d+$/,
    reason: "versions",
  },
];

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
}

/** What a file's text has that must not be published. The match itself is not repeated: the log is public too. */
export function scan(file: string, content: string): Finding[] {
  const findings: Finding[] = [];
  for (const rule of rules) {
    for (const match of content.matchAll(rule.pattern)) {
      if (rule.accept?.(match) === true) continue;
      const isAllowed = allowed.some(
        (entry) =>
          entry.file.test(file) &&
          (entry.rule === "*" || entry.rule === rule.name) &&
          entry.text.test(match[0]),
      );
      if (isAllowed) continue;
      findings.push({ file, line: content.slice(0, match.index).split("\n").length, rule: rule.name });
    }
  }
  return findings;
}

/** A name or a sentence has few digits and one case; a key mixes. */
function looksRandom(value: string): boolean {
  return /\d/.test(value) && /[a-z]/i.test(value) && new Set(value).size >= 10 && /^[\w+/=.~-]+$/.test(value);
}

/** Private, loopback, documentation (RFC 5737) and other special blocks (RFC 6890), and what is no address. */
function isHarmlessIpv4([a = 0, b = 0, c = 0, d = 0]: number[]): boolean {
  if ([a, b, c, d].some((part) => part > 255)) return true;
  const documentation = [`192.0.2`, `198.51.100`, `203.0.113`].includes(`${a}.${b}.${c}`);
  const privateBlock = a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168);
  const special =
    a === 0 || a === 127 || a >= 224 || (a === 169 && b === 254) || (a === 100 && b >= 64 && b <= 127);
  return documentation || privateBlock || special;
}

function isHarmlessIpv6(text: string): boolean {
  const lower = text.toLowerCase();
  // Only 2000::/3 is public; 2001:db8::/32 is for documentation (RFC 3849).
  return !/^[23][0-9a-f]{3}:/.test(lower) || /^2001:0?db8:/.test(lower);
}

function git(...args: string[]): string {
  return execFileSync("git", args, { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
}

/** The index's content for what is in it; new files as they lie there, unless git ignores them. */
function publishedFiles(): { file: string; content: () => string }[] {
  const list = (...args: string[]) =>
    git("ls-files", "-z", ...args)
      .split("\0")
      .filter((file) => file !== "");
  return [
    ...list("--cached").map((file) => ({ file, content: () => git("show", `:${file}`) })),
    ...list("--others", "--exclude-standard").map((file) => ({
      file,
      content: () => readFileSync(file, "utf8"),
    })),
  ];
}

if (import.meta.main) {
  const files = publishedFiles();
  const findings = files.flatMap(({ file, content }) => scan(file, content()));
  for (const { file, line, rule } of findings) console.error(`${file}:${line}: ${rule}`);
  console.log(`${files.length} files scanned, ${findings.length} findings`);
  process.exitCode = findings.length > 0 ? 1 : 0;
}
