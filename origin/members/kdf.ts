import { argon2, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

/** Turns passwords into strings that may be stored (PHC form, salt and cost inside), and checks them. */
export interface Kdf {
  hash(password: string): Promise<string>;
  verify(stored: string, password: string): Promise<boolean>;
  /** A string of the current form and cost that no password matches: checking it takes as long as a real one. */
  decoy(): string;
  /** Whether a stored string was made at a lower cost than today's. */
  outdated(stored: string): boolean;
}

export interface Argon2Cost {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
}

// OWASP's figure for argon2id; 19 MiB is what a phone can spare twice over.
const usualCost: Argon2Cost = { memory: 19_456, passes: 2 };
const scryptLogCost = 15;
const saltBytes = 16;
const hashBytes = 32;
const parallelism = 1;

type Parsed =
  | { scheme: "argon2id"; cost: Argon2Cost; salt: Buffer; digest: Buffer }
  | { scheme: "scrypt"; logCost: number; salt: Buffer; digest: Buffer };

const deriveScrypt = promisify<
  string,
  Buffer,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scrypt);

/** argon2id, or scrypt where Node's OpenSSL is older than 3.2. Each verifies what the other stored, if it can. */
export function createKdf(cost: Argon2Cost = usualCost): Kdf {
  // Absent, whatever the types say, from a Node that is built against the system's older OpenSSL.
  const scheme = typeof argon2 === "function" ? "argon2id" : "scrypt";
  return scheme === "argon2id" ? createArgon2Kdf(cost) : createScryptKdf();
}

export function createArgon2Kdf(cost: Argon2Cost): Kdf {
  const format = (salt: Buffer, digest: Buffer): string =>
    `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${parallelism}$${encode(salt)}$${encode(digest)}`;
  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      return format(salt, await deriveArgon2(password, salt, cost));
    },
    verify,
    decoy: () => format(randomBytes(saltBytes), randomBytes(hashBytes)),
    outdated(stored) {
      const parsed = parse(stored);
      if (parsed?.scheme !== "argon2id") return true;
      return parsed.cost.memory < cost.memory || parsed.cost.passes < cost.passes;
    },
  };
}

export function createScryptKdf(logCost = scryptLogCost): Kdf {
  const format = (salt: Buffer, digest: Buffer): string =>
    `$scrypt$ln=${logCost},r=8,p=1$${encode(salt)}$${encode(digest)}`;
  return {
    async hash(password) {
      const salt = randomBytes(saltBytes);
      return format(salt, await deriveByScrypt(password, salt, logCost));
    },
    verify,
    decoy: () => format(randomBytes(saltBytes), randomBytes(hashBytes)),
    outdated(stored) {
      const parsed = parse(stored);
      return parsed?.scheme === "scrypt" && parsed.logCost < logCost;
    },
  };
}

async function verify(stored: string, password: string): Promise<boolean> {
  const parsed = parse(stored);
  if (!parsed) throw new Error("A stored password has a form that this version does not know.");
  const digest =
    parsed.scheme === "argon2id"
      ? await deriveArgon2(password, parsed.salt, parsed.cost)
      : await deriveByScrypt(password, parsed.salt, parsed.logCost);
  return digest.length === parsed.digest.length && timingSafeEqual(digest, parsed.digest);
}

function deriveArgon2(password: string, salt: Buffer, cost: Argon2Cost): Promise<Buffer> {
  const parameters = {
    message: password.normalize("NFKC"),
    nonce: salt,
    parallelism,
    tagLength: hashBytes,
    memory: cost.memory,
    passes: cost.passes,
  };
  return new Promise((resolve, reject) => {
    argon2("argon2id", parameters, (error, digest) => (error ? reject(error) : resolve(digest)));
  });
}

function deriveByScrypt(password: string, salt: Buffer, logCost: number): Promise<Buffer> {
  const N = 2 ** logCost;
  // Node's own limit of 32 MiB is what N = 2^15 takes exactly, and refuses.
  return deriveScrypt(password.normalize("NFKC"), salt, hashBytes, { N, r: 8, p: 1, maxmem: 256 * N * 8 });
}

function parse(stored: string): Parsed | undefined {
  const argon = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$([\w+/]+)\$([\w+/]+)$/.exec(stored);
  if (argon) {
    const [, memory, passes, salt = "", digest = ""] = argon;
    const cost = { memory: Number(memory), passes: Number(passes) };
    return { scheme: "argon2id", cost, salt: decode(salt), digest: decode(digest) };
  }
  const scrypted = /^\$scrypt\$ln=(\d+),r=8,p=1\$([\w+/]+)\$([\w+/]+)$/.exec(stored);
  if (scrypted) {
    const [, logCost, salt = "", digest = ""] = scrypted;
    return { scheme: "scrypt", logCost: Number(logCost), salt: decode(salt), digest: decode(digest) };
  }
  return undefined;
}

// PHC strings carry base64 without padding.
function encode(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

function decode(text: string): Buffer {
  return Buffer.from(text, "base64");
}
