/** Where the origin takes what the edge's scanner has seen, and says whom it does not let in. */
export const PROBE_REPORT_PATH = "/_burrow/edge/probes";
/** Largest report in bytes. */
export const PROBE_REPORT_MAX_BYTES = 131_072;
/** Probes in one report. */
export const PROBES_MAX = 128;
/** Characters of a target that are told. */
export const PROBE_TARGET_MAX = 300;

const OUTCOMES = ["seen", "decoy", "replay"] as const;

/** Requests of one source that fired one rule, as the edge counted them together. */
export interface Probe {
  address: string;
  host: string;
  method: string;
  /** Path and query of the first of them, cut. */
  target: string;
  /** Id in the table of rules. */
  rule: string;
  count: number;
  /** Unix milliseconds, in the edge's clock. */
  firstAt: number;
  lastAt: number;
  outcome: (typeof OUTCOMES)[number];
  country: string;
}

/** The edge's report. */
export interface ProbeReport {
  probes: Probe[];
  /** The version of the blocks that the edge has; 0 for none. */
  have: number;
}

/** The origin's answer: `blocks` only where they are not those that the edge has. */
export interface ProbeReceipt {
  version: number;
  /** Source in CIDR form → unix milliseconds until when it is refused, in the edge's clock. */
  blocks?: [source: string, until: number][];
}

/** Reads a report; undefined for anything of another form. */
export function parseProbeReport(text: string): ProbeReport | undefined {
  const { probes, have } = (parseJson(text) ?? {}) as Record<string, unknown>;
  if (!Array.isArray(probes) || probes.length > PROBES_MAX || !isCount(have)) return undefined;
  return probes.every(isProbe) ? { probes, have } : undefined;
}

function isProbe(value: unknown): value is Probe {
  if (typeof value !== "object" || value === null) return false;
  const probe = value as Record<string, unknown>;
  const { address, host, method, target, rule, country, count, firstAt, lastAt, outcome } = probe;
  return (
    [address, host, method, target, rule, country].every(
      (text) => typeof text === "string" && text.length <= PROBE_TARGET_MAX,
    ) &&
    [count, firstAt, lastAt].every(isCount) &&
    OUTCOMES.some((known) => known === outcome)
  );
}

/** Reads a receipt; undefined for anything of another form. */
export function parseProbeReceipt(text: string): ProbeReceipt | undefined {
  const { version, blocks } = (parseJson(text) ?? {}) as Record<string, unknown>;
  if (!isCount(version)) return undefined;
  if (blocks === undefined) return { version };
  const isWhole =
    Array.isArray(blocks) &&
    blocks.every(
      (row: unknown) =>
        Array.isArray(row) && row.length === 2 && typeof row[0] === "string" && isCount(row[1]),
    );
  return isWhole ? { version, blocks: blocks as [string, number][] } : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the Worker is told of the honeypot: the content of its variable HONEYPOT. */
export interface HoneypotRules {
  /** Whether sources are refused that the origin names. */
  block: boolean;
  /** Whether a probe that finds nothing is shown something made up. */
  decoys: boolean;
}

/** Reads the variable; undefined where the honeypot is off. */
export function parseHoneypotRules(text: string | undefined): HoneypotRules | undefined {
  if (text === undefined || text === "") return undefined;
  const { block, decoys } = (parseJson(text) ?? {}) as Record<string, unknown>;
  return { block: block === true, decoys: decoys === true };
}

/** Whom the honeypot does not let in is told so plainly: it may be a neighbour's address that was blocked. */
export const BLOCKED = {
  status: 403,
  code: "source_blocked",
  errcode: "M_FORBIDDEN",
  title: "Not from here",
  message:
    "Too much that looks like an attack has come from your network, so it is refused for a while. If you belong here, try another network, or tell the owner.",
} as const;
