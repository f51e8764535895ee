/**
 * The one redactor: takes a finished log line and blots out what looks like a secret, or is a known one.
 * By shape it catches what nobody registered; by value it catches a registered secret in any of its forms.
 */
const blot = "[redacted]";

/** Each pattern keeps its first group and blots out what follows. Quotes may be escaped: the line is JSON. */
const shapes: readonly RegExp[] = [
  // Authorization: Bearer …, Basic …, also bare and inside JSON.
  /(\b(?:bearer|basic)(?:\s+|%20|\+))[\w.~+/=:%-]{6,}/gi,
  /((?:proxy-)?authorization\\*["']?\s*[:=,]\s*\\*["']?)(?!bearer\b|basic\b)[^\s"'\\,;}]+/gi,
  // A whole Cookie or Set-Cookie value.
  /((?:set-)?cookie2?\\*["']?\s*[:=,]\s*\[?\s*\\*["']?)[^"'\\\r\n}\]]+/gi,
  // name=value, name: value, "name":"value", in headers, query strings, forms and JSON.
  /((?:[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|edge[_-]?key|private[_-]?key|credential)s?)\\*["']?\s*(?:[:=]|%3d)\s*\\*["'])(?:\\\\.|[^"'\\])+/gi,
  /((?:[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|edge[_-]?key|private[_-]?key|credential)s?)\\*["']?\s*(?:[:=]|%3d)\s*)[^\s"'\\&,;}\]]+/gi,
  // The values of a URL that carry a secret by another name.
  /([?&](?:code|sig|signature|key|auth|session|loginToken)=)[^\s"'\\&#]+/gi,
  // https://user:password@host
  /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'\\]+(?=@)/gi,
  // The fragment of a set-up or invite link.
  /(\/(?:setup|invite)#)[^\s"'\\]+/gi,
  // PEM, also with its line ends escaped by JSON.
  /(-----BEGIN [A-Z0-9 ]*-----)[\s\S]*?(?:-----END [A-Z0-9 ]*-----|$)/g,
  // Tokens known by their prefix: ours, Matrix servers', age, AWS, GitHub, JWT.
  /()\b(?:b[arstw]t|bit|burrow_(?:key|app)|syt|mat|mct|mcr)_[\w.~-]{6,}/g,
  /()\bAGE-SECRET-KEY-1[0-9A-Z]+/gi,
  /()\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g,
  /()\bgh[pousr]_\w{20,}/g,
  /()\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g,
];

export interface Redactor {
  /** The line with every secret replaced. Never throws. */
  redact(line: string): string;
  /** From now on this exact value, and its base64, hex and URL forms, never appear. Shorter than 8: ignored. */
  register(secret: string): void;
}

export function createRedactor(): Redactor {
  let known: string[] = [];
  return {
    redact(line) {
      let result = line;
      for (const secret of known) {
        if (result.includes(secret)) result = result.replaceAll(secret, blot);
      }
      for (const shape of shapes) result = result.replace(shape, `$1${blot}`);
      return result;
    },
    register(secret) {
      if (secret.length < 8) return;
      // The longest first: a form that contains another must go as a whole.
      known = [...new Set([...known, ...formsOf(secret)])].toSorted((a, b) => b.length - a.length);
    },
  };
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret, "utf8");
  const forms = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
  ];
  // Inside longer base64 text a value stands at one of three offsets; what depends on its neighbours is cut off.
  for (const offset of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
    const cutStart = offset === 0 ? 0 : offset + 1;
    const whole = Math.floor((padded.length * 8) / 6);
    for (const encoding of ["base64", "base64url"] as const) {
      forms.push(padded.toString(encoding).slice(cutStart, whole));
    }
  }
  return forms.filter((form) => form.length >= 8);
}
