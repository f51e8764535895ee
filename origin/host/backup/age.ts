import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { BackupError } from "./backup-error.ts";
import { openFileReader, readPieces, writeNewFile } from "./file-reader.ts";

/** Encrypts and decrypts age files (age-encryption.org/v1, X25519) as they stream. */
export interface Age {
  /** `library`, or `program`: several times as fast. They read each other's files. */
  readonly name: "library" | "program";
  encrypt(source: AsyncIterable<Uint8Array>, recipients: readonly string[]): AsyncIterable<Uint8Array>;
  /** Throws BackupError `wrong-identity` when the identity is none of the file's. */
  decrypt(source: AsyncIterable<Uint8Array>, identity: OpeningIdentity): AsyncIterable<Uint8Array>;
  /** From file to new file, of mode 0600; not flushed. The program does so without a byte passing through here. */
  encryptFile(source: string, out: string, recipients: readonly string[]): Promise<void>;
  decryptFile(source: string, out: string, identity: OpeningIdentity): Promise<void>;
}

/** What opens an age file. */
export interface OpeningIdentity {
  /** `AGE-SECRET-KEY-1…`. */
  readonly text: string;
  /** The file that it is in: the program reads it there. Undefined for one that is in memory only, and stays there. */
  readonly file: string | undefined;
}

export async function newIdentity(): Promise<{ identity: string; recipient: string }> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

export const ageLibrary: Age = {
  name: "library",
  async *encrypt(source, recipients) {
    const encrypter = new Encrypter();
    for (const recipient of recipients) encrypter.addRecipient(recipient);
    yield* await encrypter.encrypt(webStream(source));
  },
  async *decrypt(source, identity) {
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity.text);
    let plain: ReadableStream<Uint8Array>;
    try {
      plain = await decrypter.decrypt(webStream(source));
    } catch (error) {
      throw (error as Error).message.startsWith("no identity matched") ? wrongIdentity() : error;
    }
    yield* plain;
  },
  encryptFile: (source, out, recipients) =>
    throughLibrary(source, out, (pieces) => ageLibrary.encrypt(pieces, recipients)),
  decryptFile: (source, out, identity) =>
    throughLibrary(source, out, (pieces) => ageLibrary.decrypt(pieces, identity)),
};

async function throughLibrary(
  source: string,
  out: string,
  transform: (pieces: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): Promise<void> {
  const reader = await openFileReader(source);
  try {
    await writeNewFile(out, transform(readPieces(reader)));
  } finally {
    await reader.close();
  }
}

function webStream(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return ReadableStream.from<Uint8Array>(source);
}

/** The `age` program on the PATH; undefined where none is installed. */
export function findAgeProgram(path = process.env["PATH"] ?? ""): Age | undefined {
  for (const folder of path.split(":").filter((name) => name.startsWith("/"))) {
    const file = join(folder, "age");
    try {
      accessSync(file, constants.X_OK);
      return ageProgram(file);
    } catch {
      continue;
    }
  }
  return undefined;
}

/** Starting a program costs some milliseconds: as many as the library needs for this much. */
const programPays = 512 * 1024;

/** The one to use for so many bytes. */
export function ageFor(age: Age, bytes: number): Age {
  return bytes < programPays ? ageLibrary : age;
}

function ageProgram(file: string): Age {
  const encryptTo = (recipients: readonly string[]): string[] => [
    "--encrypt",
    ...recipients.flatMap((recipient) => ["-r", recipient]),
  ];
  return {
    name: "program",
    encrypt: (source, recipients) => through(start(file, encryptTo(recipients), "pipe"), source),
    decrypt: (source, identity) =>
      identity.file === undefined
        ? ageLibrary.decrypt(source, identity)
        : through(start(file, ["--decrypt", "-i", identity.file], "pipe"), source),
    encryptFile: (source, out, recipients) => betweenFiles(file, encryptTo(recipients), source, out),
    decryptFile: (source, out, identity) =>
      identity.file === undefined
        ? ageLibrary.decryptFile(source, out, identity)
        : betweenFiles(file, ["--decrypt", "-i", identity.file], source, out),
  };
}

function start(file: string, args: string[], stdio: StdioOptions): ChildProcess {
  return spawn(file, args, { env: {}, stdio });
}

async function betweenFiles(program: string, args: string[], source: string, out: string): Promise<void> {
  const input = await open(source, "r");
  const output = await open(out, "wx", 0o600);
  try {
    const child = start(program, args, [input.fd, output.fd, "pipe"]);
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(0, 2000)));
    const [code] = (await once(child, "close")) as [number | null];
    if (code !== 0) throw failed(code, said);
  } finally {
    await input.close();
    await output.close();
  }
}

function failed(code: number | null, said: string): BackupError {
  if (said.includes("no identity matched")) return wrongIdentity();
  return new BackupError("damaged", `age ended with ${code}: ${said.trim()}`);
}

/** What the program makes of the source. Ends well only if the whole source went in and the program said so. */
async function* through(child: ChildProcess, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error("age was started without pipes");
  let said = "";
  stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(0, 2000)));
  const ended = once(child, "close") as Promise<[number | null]>;
  const fed = pipeline(Readable.from(source, { objectMode: false, highWaterMark: 1024 * 1024 }), stdin).then(
    () => undefined,
    (error: unknown) => error,
  );
  try {
    yield* stdout as AsyncIterable<Uint8Array>;
    const [code] = await ended;
    const failure = await fed;
    // A source that broke off looks to age like one that ended: its answer is good for nothing then.
    if (failure !== undefined && (failure as NodeJS.ErrnoException).code !== "EPIPE") throw failure;
    if (code !== 0 || failure !== undefined) throw failed(code, said);
  } finally {
    child.kill("SIGKILL");
  }
}

function wrongIdentity(): BackupError {
  return new BackupError(
    "wrong-identity",
    "This identity does not open the backup: it was made for another one. Nothing was changed.",
  );
}
