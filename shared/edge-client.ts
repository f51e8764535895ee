/** Who asks and what for, as the edge saw it: the content of the signed `Burrow-Client` field. */
export interface EdgeClient {
  /** Public host name that was asked for: lower case, no port. Requests are routed by it. */
  host: string;
  /** Only where it is not the scheme's own, which happens in development. */
  port?: number;
  scheme: "https" | "http";
  /** The client's address; `::` when the edge itself asks. */
  addr: string;
  ray?: string;
  country?: string;
  /** The edge's own clock in unix seconds. `created` is in the origin's clock, so only this shows how far apart they are. */
  time: number;
}

/** The address under which the edge's own requests (cron, clock probe) appear. */
export const EDGE_ITSELF = "::";

const HOST = String.raw`[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9.])?|\[[0-9a-f:.]{2,45}\]`;
const ADDRESS = String.raw`[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f:.]{2,45}`;
const RAY = "[0-9A-Za-z-]{1,64}";
const COUNTRY = "[A-Z0-9]{2}";

// One grammar, exactly what formatEdgeClient writes: a lenient reader is where two parsers come to disagree.
const FIELD = new RegExp(
  `^host="(${HOST})"(?:, port=([1-9][0-9]{0,4}))?, scheme="(https|http)", addr="(${ADDRESS})"` +
    `(?:, ray="(${RAY})")?(?:, country="(${COUNTRY})")?, time=([0-9]{1,12})$`,
);
const LONGEST_FIELD = 600;

const isHost = anchored(HOST);
const isAddress = anchored(ADDRESS);
const isRay = anchored(RAY);
const isCountry = anchored(COUNTRY);

/**
 * The `Burrow-Client` field, a structured-field dictionary (RFC 9651 §3.2), or undefined when the host or the address
 * is none. A ray or country of another form is left out: they only inform.
 */
export function formatEdgeClient(client: EdgeClient): string | undefined {
  const addr = client.addr.toLowerCase();
  if (!isHost(client.host) || !isAddress(addr)) return undefined;
  return [
    `host="${client.host}"`,
    client.port === undefined ? undefined : `port=${client.port}`,
    `scheme="${client.scheme}"`,
    `addr="${addr}"`,
    client.ray !== undefined && isRay(client.ray) ? `ray="${client.ray}"` : undefined,
    client.country !== undefined && isCountry(client.country) ? `country="${client.country}"` : undefined,
    `time=${client.time}`,
  ]
    .filter((member) => member !== undefined)
    .join(", ");
}

/** Reads what `formatEdgeClient` wrote and nothing else; undefined for any other text. */
export function parseEdgeClient(field: string): EdgeClient | undefined {
  if (field.length > LONGEST_FIELD) return undefined;
  const match = FIELD.exec(field);
  if (match === null) return undefined;
  const [, host = "", port, scheme, addr = "", ray, country, time] = match;
  return {
    host,
    ...(port === undefined ? {} : { port: Number(port) }),
    scheme: scheme === "https" ? "https" : "http",
    addr,
    ...(ray === undefined ? {} : { ray }),
    ...(country === undefined ? {} : { country }),
    time: Number(time),
  };
}

function anchored(pattern: string): (text: string) => boolean {
  const whole = new RegExp(`^(?:${pattern})$`);
  return (text) => whole.test(text);
}
