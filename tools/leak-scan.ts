/**
 * Looks through what git would publish (the index, and files that are new) for what must not be published: keys,
 * tokens, real addresses, names of a deployment, and the traces of the machine it was written on.
 *
 *   node tools/leak-scan.ts                  everything in the index, and new files
 *   node tools/leak-scan.ts --staged         what the next commit changes, as it is in the index
 *   node tools/leak-scan.ts --install-hook   makes git run the latter before every commit
 */
import { isIPv6 } from "node:net";
import { deploymentNames, publishedFiles, stagedFiles } from "./published-files.ts";
import { installHook } from "./install-hook.ts";

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
  // In a string of JSON or code the line ends are written as \n, and lines may be quoted one by one.
  {
    name: "private key",
    pattern: /-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:\\r|\\n|[\s"'`+,])*[A-Za-z0-9+/=]{40,}/g,
  },
  { name: "age key", pattern: /AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9]+)-1[0-9A-Z]{50,}/gi },
  {
    name: "Matrix token",
    pattern:
      /\b(?:syt_[A-Za-z0-9+/=]{2,}_[A-Za-z0-9]{8,}_[A-Za-z0-9]{4,}|m(?:at|ct|cr)_[A-Za-z0-9]{20,}(?:_\w+)?)/g,
  },
  // Cloudflare: base64 of {"a":"…
  { name: "tunnel token", pattern: /\beyJhIjoi[\w+/=-]{60,}/g },
  { name: "JWT", pattern: /\beyJ[\w-]{16,}\.eyJ[\w-]{16,}\.[\w-]{16,}/g },
  { name: "Burrow token", pattern: /\bb(?:at|rt|wt)_[\w-]{43}\b|\bb[is]t_[\w.~-]{27}\b/g },
  {
    name: "Burrow key",
    pattern:
      /\bburrow_(?:key_[0-9a-hjkmnp-tv-z]{32}|app_(?:[0-9a-hjkmnp-tv-z]{4}-){6}[0-9a-hjkmnp-tv-z]{4})\b/g,
  },
  { name: "edge key", pattern: /\bk[0-9a-f]{8}\.[A-Za-z0-9_-]{43}\b/g },
  { name: "AWS key", pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, accept: ([text]) => /EXAMPLE/.test(text) },
  { name: "GitHub token", pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})\b/g },
  { name: "ntfy token", pattern: /\btk_[a-z0-9]{29}\b/g },
  {
    name: "password in a URL",
    pattern: /\b[a-z][a-z0-9+.-]*:\/\/[^\s/?#@"'`:]+:([^\s/?#@"'`]{6,})@/gi,
    accept: ([, value = ""]) => placeholder.test(value) || !looksRandom(value),
  },
  {
    name: "secret in quotes",
    pattern:
      /\b\w*(?:secret|passw(?:or)?d|passphrase|api_?key|auth_?token)\w*["']?\s*[:=]\s*(["'`])([^"'`\s]{16,})\1/gi,
    accept: ([, , value = ""]) => placeholder.test(value) || !looksRandom(value),
  },
  {
    // As a shell, an .env file, YAML or TOML has it.
    name: "secret without quotes",
    pattern:
      /^[ \t]*(?:export[ \t]+)?[\w.-]*(?:secret|passw(?:or)?d|passphrase|api_?key|token)[\w.-]*[ \t]*[:=][ \t]*([^\s"'`]{16,})[ \t]*$/gim,
    accept: ([, value = ""]) => placeholder.test(value) || !looksRandom(value),
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
    pattern: /(?<![\w.~-])\/(?:work|root|home\/(?!ada|ben|cleo|you\b)\w+|Users\/\w+)\/[\w.-]+/g,
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
    file: /^(?:shared\/vet-address|test\/shared\/vet-(?:address|url)\.test)\.ts$/,
    rule: "public IPv4 address",
    text: /.*/,
    reason: "well-known addresses of everybody's: which are public is the subject there",
  },
  {
    file: /^test\/shared\/vet-(?:address|url)\.test\.ts$/,
    rule: "public IPv6 address",
    text: /.*/,
    reason: "the same",
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

/**
 * What a file's text has that must not be published. The match itself is not repeated: the log is public too.
 * `names` are those of a deployment on this machine.
 */
export function scan(file: string, content: string, names: readonly string[] = []): Finding[] {
  const findings: Finding[] = [];
  for (const name of names) {
    const at = content.toLowerCase().indexOf(name);
    if (at !== -1) findings.push({ file, line: lineOf(content, at), rule: "name of a deployment" });
  }
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
      findings.push({ file, line: lineOf(content, match.index), rule: rule.name });
    }
  }
  return findings;
}

function lineOf(content: string, index: number): number {
  return content.slice(0, index).split("\n").length;
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

if (import.meta.main) {
  const wish = process.argv[2];
  if (wish === "--install-hook") console.log(installHook(process.cwd()));
  else if (wish !== undefined && wish !== "--staged") {
    console.error("Usage: node tools/leak-scan.ts [--staged | --install-hook]");
    process.exitCode = 2;
  } else {
    const names = deploymentNames(process.cwd(), process.env);
    let count = 0;
    const findings: Finding[] = [];
    for (const { file, content } of wish === "--staged" ? stagedFiles() : publishedFiles()) {
      count += 1;
      findings.push(...scan(file, content, names));
    }
    for (const { file, line, rule } of findings) console.error(`${file}:${line}: ${rule}`);
    console.log(`${count} files scanned, ${findings.length} findings`);
    process.exitCode = findings.length > 0 ? 1 : 0;
  }
}
