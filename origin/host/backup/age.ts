import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { BackupError, noRoom } from "./backup-error.ts";
import { openFileReader, readPieces, writeNewFile } from "./file-reader.ts";
import { giveBack, givingBack } from "./give-back.ts";

/** What opens an age file. */
export interface OpeningIdentity {
  /** `AGE-SECRET-KEY-1…`. */
  readonly text: string;
  /** The file that it is in: the program reads it there. Undefined for one that is in memory only, and stays there. */
  readonly file: string | undefined;
}

/**
 * Encrypts and decrypts age files (age-encryption.org/v1, X25519) as they stream. The pieces that come out are the
 * caller's, to give back when he is done with each.
 */
export interface Age {
  /** `library`, or `program`: several times as fast. They read each other's files. */
  readonly name: "library" | "program";
  encrypt(source: AsyncIterable<Uint8Array>, recipients: readonly string[]): AsyncIterable<Uint8Array>;
  /**
   * To a new file of mode 0600, not flushed. A piece is done with when the next is asked for: its memory may be used
   * again.
   */
  encryptToFile(source: AsyncIterable<Uint8Array>, out: string, recipients: readonly string[]): Promise<void>;
  /** Gives the source's pieces back. Throws BackupError `wrong-identity` when the identity is none of the file's. */
  decrypt(source: AsyncIterable<Uint8Array>, identity: OpeningIdentity): AsyncIterable<Uint8Array>;
  decryptFile(path: string, identity: OpeningIdentity): AsyncIterable<Uint8Array>;
}

/** Where the program does the work, the library's 20 MB are not loaded. */
const loadLibrary = () => import("age-encryption");

export async function newIdentity(): Promise<{ identity: string; recipient: string }> {
  const { generateX25519Identity, identityToRecipient } = await loadLibrary();
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

export const ageLibrary: Age = {
  name: "library",
  async *encrypt(source, recipients) {
    const { Encrypter } = await loadLibrary();
    const encrypter = new Encrypter();
    for (const recipient of recipients) encrypter.addRecipient(recipient);
    yield* await encrypter.encrypt(ReadableStream.from<Uint8Array>(source));
  },
  async encryptToFile(source, out, recipients) {
    await writeNewFile(out, givingBack(ageLibrary.encrypt(source, recipients)));
  },
  async *decrypt(source, identity) {
    const { Decrypter } = await loadLibrary();
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity.text);
    const held = holdPieces(source);
    let plain: ReadableStream<Uint8Array>;
    try {
      plain = await decrypter.decrypt(ReadableStream.from<Uint8Array>(held.pieces()));
    } catch (error) {
      throw (error as Error).message.startsWith("no identity matched") ? wrongIdentity() : error;
    }
    let decrypted = 0;
    for await (const piece of plain) {
      decrypted += piece.byteLength + tagBytes;
      held.giveBackUpTo(decrypted);
      yield piece;
    }
  },
  async *decryptFile(path, identity) {
    const reader = await openFileReader(path);
    try {
      yield* ageLibrary.decrypt(readPieces(reader), identity);
    } finally {
      await reader.close();
    }
  },
};

/** Of the Poly1305 tag behind each chunk of an age file. */
const tagBytes = 16;

/** Pieces that may wait in the library's queues: what comes out at its end tells which of them it has read. */
function holdPieces(source: AsyncIterable<Uint8Array>): {
  pieces(): AsyncGenerator<Uint8Array>;
  /** Those that lie in the first `bytes` of the source. */
  giveBackUpTo(bytes: number): void;
} {
  const held: { piece: Uint8Array; end: number }[] = [];
  let end = 0;
  return {
    async *pieces() {
      for await (const piece of source) {
        end += piece.byteLength;
        held.push({ piece, end });
        yield piece;
      }
    },
    giveBackUpTo(bytes) {
      while (held[0] && held[0].end <= bytes) giveBack(held.shift()!.piece);
    },
  };
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

function ageProgram(program: string): Age {
  const start = (args: string[], stdio: StdioOptions): Running =>
    run(spawn(program, args, { env: {}, stdio }));
  const encryptTo = (recipients: readonly string[]): string[] => [
    "--encrypt",
    ...recipients.flatMap((recipient) => ["-r", recipient]),
  ];
  return {
    name: "program",
    async *encrypt(source, recipients) {
      const running = start(encryptTo(recipients), "pipe");
      yield* running.outputOf(source);
    },
    async encryptToFile(source, out, recipients) {
      // Straight to the file: what comes out has no need to pass through here.
      const file = await open(out, "wx", 0o600);
      try {
        const running = start(encryptTo(recipients), ["pipe", file.fd, "pipe"]);
        await running.end(source);
      } finally {
        await file.close();
      }
    },
    async *decrypt(source, identity) {
      if (identity.file === undefined) yield* ageLibrary.decrypt(source, identity);
      else yield* start(["--decrypt", "-i", identity.file], "pipe").outputOf(givingBack(source));
    },
    async *decryptFile(path, identity) {
      if (identity.file === undefined) {
        yield* ageLibrary.decryptFile(path, identity);
        return;
      }
      const file = await open(path, "r");
      try {
        yield* start(["--decrypt", "-i", identity.file], [file.fd, "pipe", "pipe"]).outputOf();
      } finally {
        await file.close();
      }
    },
  };
}

/** A program at work, its source by a pipe where it has not got it as a file. */
interface Running {
  /** What it writes. Ends well only if the whole source went in and the program said so. */
  outputOf(source?: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array>;
  /** The same for one that writes to a file. */
  end(source: AsyncIterable<Uint8Array>): Promise<void>;
}

/** It ended before it had read everything: why, it says itself. */
function isClosedPipe(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "EPIPE" || code === "ERR_STREAM_DESTROYED";
}

function run(child: ChildProcess): Running {
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(0, 2000)));
  // The write that fails tells of it.
  child.stdin?.on("error", () => {});
  const ended = once(child, "close") as Promise<[number | null]>;

  async function feed(source: AsyncIterable<Uint8Array> | undefined): Promise<unknown> {
    if (!source || !child.stdin) return undefined;
    try {
      for await (const piece of source) await write(child.stdin, piece);
      return undefined;
    } catch (error) {
      return error;
    } finally {
      child.stdin.end();
    }
  }

  async function settle(fed: Promise<unknown>): Promise<void> {
    const failure = await fed;
    // A source that broke off looks to age like one that ended: its answer is good for nothing then.
    if (failure !== undefined && !isClosedPipe(failure)) throw failure;
    const [code] = await ended;
    if (said.includes("no identity matched")) throw wrongIdentity();
    // Go's own words for ENOSPC and EDQUOT, the same on every system.
    if (/no space left on device|disk quota exceeded/.test(said)) throw noRoom();
    if (code !== 0 || failure !== undefined) {
      throw new BackupError("damaged", `age ended with ${code}: ${said.trim()}`);
    }
  }

  return {
    async *outputOf(source) {
      const fed = feed(source);
      try {
        if (child.stdout) yield* child.stdout as AsyncIterable<Uint8Array>;
        await settle(fed);
      } finally {
        child.kill("SIGKILL");
      }
    },
    async end(source) {
      try {
        await settle(feed(source));
      } finally {
        child.kill("SIGKILL");
      }
    },
  };
}

/** Resolves once the piece is out of our hands. */
function write(stream: Writable, piece: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

function wrongIdentity(): BackupError {
  return new BackupError(
    "wrong-identity",
    "This identity does not open the backup: it was made for another one. Nothing was changed.",
  );
}
