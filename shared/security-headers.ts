/** A header name in lower case and its value. */
export type HeaderPair = readonly [name: string, value: string];

const HSTS_SECONDS: Readonly<Record<string, number>> = { trial: 300, day: 86_400, long: 63_072_000 };

/** An HSTS stage that cannot be read; the message lists the words. */
export class HstsStageError extends Error {
  override readonly name = "HstsStageError";
}

/**
 * The Strict-Transport-Security value of a stage text: `off`, `trial` (300 s), `day` or `long` (two years), each apart
 * from `off` with the optional words `includeSubDomains` and `preload`: they are separate switches because they reach
 * hosts that are not ours to break, and preload can hardly be taken back.
 *
 * @returns undefined when off.
 * @throws HstsStageError on any other text, and on `preload` without the two things that it requires.
 */
export function hstsOfStage(text: string): string | undefined {
  const [stage = "off", ...switches] = text.split(/\s+/).filter((word) => word !== "");
  if (stage === "off" && switches.length === 0) return undefined;
  const seconds = HSTS_SECONDS[stage];
  const unknown = switches.some((word) => word !== "includeSubDomains" && word !== "preload");
  if (seconds === undefined || unknown)
    throw new HstsStageError(
      `HSTS stage "${text}": write off, trial, day or long, then includeSubDomains and preload where wanted`,
    );
  const subdomains = switches.includes("includeSubDomains");
  const preload = switches.includes("preload");
  // hstspreload.org: a year or more, and the subdomains with it.
  if (preload && (stage !== "long" || !subdomains))
    throw new HstsStageError('HSTS stage: preload needs "long includeSubDomains preload"');
  return `max-age=${seconds}${subdomains ? "; includeSubDomains" : ""}${preload ? "; preload" : ""}`;
}

/** The same on every reply, whatever the app said. */
export const ALWAYS_HEADERS: readonly HeaderPair[] = [["x-content-type-options", "nosniff"]];

/** The same on every reply of our own apps. */
export const FIXED_HEADERS: readonly HeaderPair[] = [...ALWAYS_HEADERS, ["x-frame-options", "DENY"]];

/** What a reply gets where its app said nothing: an app's own value is better informed, so it stands. */
export const DEFAULT_HEADERS: readonly HeaderPair[] = [
  [
    "content-security-policy",
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ["referrer-policy", "no-referrer"],
  ["permissions-policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"],
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-resource-policy", "same-origin"],
];

/**
 * What a reply of somebody else's app gets where the app said nothing. Such an app has scripts, frames and forms of its
 * own, and some know their own pages by the referrer: ours would break them.
 */
export const APP_DEFAULT_HEADERS: readonly HeaderPair[] = [
  ["x-frame-options", "SAMEORIGIN"],
  ["content-security-policy", "frame-ancestors 'self'"],
  ["referrer-policy", "same-origin"],
];

/** Headers of a reply that tell about the software behind it. */
export const TELLTALE_HEADERS: readonly string[] = ["server", "x-powered-by"];
