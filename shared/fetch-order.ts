/** Where the edge takes the origin's orders to fetch. */
export const FETCH_ORDER_PATH = "/_burrow/fetch";
/** Header field of the order: who ordered it, when, and the mac. */
export const FETCH_ORDER_HEADER = "burrow-fetch";
/** Header field of the edge's answer to an order that it believes. */
export const FETCHED_HEADER = "burrow-fetched";
/** Largest order in bytes: a member's request carries a few lines, never a file. */
export const FETCH_ORDER_MAX_BYTES = 262_144;
/** Longest in milliseconds that the edge waits for one answer. */
export const FETCH_ORDER_MAX_MS = 60_000;
/** Most bytes of an answer that the edge passes on. */
export const FETCHED_MAX_BYTES = 32_000_000;

/** What the origin wants fetched: the JSON body of the order. */
export interface FetchOrder {
  url: string;
  method: string;
  headers: [name: string, value: string][];
  /** Base64; null for none. */
  body: string | null;
  /** Bytes of the answer that the origin will take. */
  maxBytes: number;
  timeoutMs: number;
}

/** Why the edge, believing the order, brings nothing. */
export const FETCH_FAULTS = [
  "stale",
  "replayed",
  "malformed",
  "forbidden",
  "unreachable",
  "timeout",
  "bad-answer",
] as const;
export type FetchFault = (typeof FETCH_FAULTS)[number];

/** What the edge says of an order: an answer's status and fields, or why there is none, with its own clock. */
export type Fetched =
  | { status: number; headers: [name: string, value: string][] }
  | { fault: FetchFault /** Unix milliseconds. */; time: number };

/** The fields of a foreign answer that the edge hands on. */
export const FETCHED_FIELDS: readonly string[] = [
  "content-type",
  "content-language",
  "content-disposition",
  "content-range",
  "etag",
  "last-modified",
  "cache-control",
  "expires",
  "date",
  "age",
  "retry-after",
  "link",
  "location",
  "x-robots-tag",
];

/** Reads an order's body, or undefined: the two sides may be of different versions. */
export function parseFetchOrder(text: string): FetchOrder | undefined {
  const value = parseJson(text) as Partial<FetchOrder> | undefined;
  if (typeof value !== "object" || value === null) return undefined;
  const { url, method, headers, body, maxBytes, timeoutMs } = value;
  if (typeof url !== "string" || typeof method !== "string" || !isPairs(headers)) return undefined;
  if (body !== null && typeof body !== "string") return undefined;
  if (!isWithin(maxBytes, FETCHED_MAX_BYTES) || !isWithin(timeoutMs, FETCH_ORDER_MAX_MS)) return undefined;
  return { url, method, headers, body, maxBytes, timeoutMs };
}

/** Bytes of a `Burrow-Fetched` field that goes through every proxy on the way. */
const FETCHED_FIELD_MAX = 8_000;

/** The field's value: percent-encoded JSON. Fields that would make it too long are left out, the longest first. */
export function formatFetched(fetched: Fetched): string {
  const field = encodeURIComponent(JSON.stringify(fetched));
  if (field.length <= FETCHED_FIELD_MAX || "fault" in fetched) return field;
  const longest = fetched.headers.toSorted((one, other) => other[1].length - one[1].length)[0];
  return formatFetched({ ...fetched, headers: fetched.headers.filter((pair) => pair !== longest) });
}

/** Reads what `formatFetched` wrote; undefined for anything else. */
export function parseFetched(field: string): Fetched | undefined {
  const value = parseJson(field, decodeURIComponent) as Record<string, unknown> | undefined;
  if (typeof value !== "object" || value === null) return undefined;
  const { status, headers, fault, time } = value;
  const known = FETCH_FAULTS.find((name) => name === fault);
  if (known !== undefined && typeof time === "number") return { fault: known, time };
  return isWithin(status, 599) && isPairs(headers) ? { status, headers } : undefined;
}

function parseJson(text: string, decode = (coded: string) => coded): unknown {
  try {
    return JSON.parse(decode(text));
  } catch {
    return undefined;
  }
}

function isWithin(value: unknown, most: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= most;
}

function isPairs(value: unknown): value is [string, string][] {
  return (
    Array.isArray(value) &&
    value.every(
      (pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string"),
    )
  );
}
