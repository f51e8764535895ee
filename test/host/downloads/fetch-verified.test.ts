import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { readConfig } from "../../../origin/config/read-config.ts";
import { DownloadError, type DownloadFault } from "../../../origin/host/downloads/download-error.ts";
import {
  fetchVerified,
  type FetchOptions,
  type PinnedFile,
} from "../../../origin/host/downloads/fetch-verified.ts";
import { createLog } from "../../../origin/host/log.ts";
import { createOutbound } from "../../../origin/host/outbound/outbound.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { type ReleaseServer, serve, startReleaseServer } from "./release-server.ts";

const file = randomBytes(300_000);
const other = randomBytes(300_000);
const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

interface Scene {
  readonly server: ReleaseServer;
  readonly folder: string;
  readonly target: string;
  readonly download: (
    pin?: Partial<PinnedFile>,
    options?: Partial<FetchOptions>,
  ) => ReturnType<typeof fetchVerified>;
  /** Downloads and returns why it failed. */
  readonly fault: (pin?: Partial<PinnedFile>, options?: Partial<FetchOptions>) => Promise<DownloadFault>;
  /** Lets the bytes come that the server has for it, then cuts the line. */
  readonly cutOff: (bytes: Buffer, etag: string, after: number) => Promise<void>;
}

/** A server, the real way out, and a folder to download into. */
async function set(t: TestContext): Promise<Scene> {
  const server = await startReleaseServer(t);
  const folder = temporaryFolder(t);
  const dataDir = temporaryFolder(t);
  writeFileSync(join(dataDir, "burrow.toml"), 'server_name = "example.org"\n', { mode: 0o600 });
  const outbound = createOutbound({
    config: readConfig({ dataDir, environment: {} }),
    log: createLog({ level: "error", now: Date.now, write: () => {} }),
    now: Date.now,
    seam: { standIns: new Map(), destinations: { download: [server.url] } },
  });
  t.after(() => outbound.close());
  const target = join(folder, "program");
  const download: Scene["download"] = (pin, options) =>
    fetchVerified(
      { url: `${server.url}/program`, sha256: sha256(file), maxBytes: 1_000_000, ...pin },
      target,
      {
        outbound,
        ...options,
      },
    );
  const fault: Scene["fault"] = async (pin, options) => {
    const error: unknown = await download(pin, options).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof DownloadError, String(error));
    return error.code;
  };
  const cutOff: Scene["cutOff"] = async (bytes, etag, after) => {
    server.answer = serve(bytes, etag, { stopAfter: after });
    const onProgress: FetchOptions["onProgress"] = (progress) => {
      if (progress.bytes === after) server.cut();
    };
    assert.equal(await fault({}, { onProgress }), "cut-off");
  };
  return { server, folder, target, download, fault, cutOff };
}

test("a download with the pinned hash is there, executable if asked, and nothing else", async (t) => {
  const { server, folder, target, download } = await set(t);
  server.answer = serve(file, '"one"');
  const seen: number[] = [];
  const outcome = await download(
    { executable: true },
    { onProgress: ({ bytes, total }) => (assert.equal(total, file.length), seen.push(bytes)) },
  );
  assert.deepEqual(outcome, { bytes: file.length, fetched: true });
  assert.deepEqual(readFileSync(target), file);
  assert.equal(statSync(target).mode & 0o777, 0o700);
  assert.deepEqual(readdirSync(folder), ["program"]);
  assert.equal(seen.at(-1), file.length);

  assert.deepEqual(await download(), { bytes: file.length, fetched: false });
  assert.equal(server.asked.length, 1, "what is there already is not asked for");
  assert.equal(statSync(target).mode & 0o777, 0o600);
});

test("another hash stops: what came is deleted, what was there stays", async (t) => {
  const { server, folder, target, fault } = await set(t);
  writeFileSync(target, "the version before");
  server.answer = serve(other, '"one"');
  assert.equal(await fault(), "checksum");
  assert.equal(readFileSync(target, "utf8"), "the version before");
  assert.deepEqual(readdirSync(folder), ["program"]);
});

test("a short body is never taken for the whole", async (t) => {
  const { server, folder, fault } = await set(t);
  server.answer = (_request, response) => {
    response
      .writeHead(200, { "content-length": file.length })
      .write(file.subarray(0, 1000), () => response.destroy());
  };
  assert.equal(await fault(), "cut-off");
  assert.deepEqual(readdirSync(folder), [], "without a validator there is nothing to continue on");
  server.answer = (_request, response) => {
    // No length: the end looks like an end.
    response.writeHead(200);
    response.write(file.subarray(0, 1000));
    response.end();
  };
  assert.equal(await fault(), "checksum");
  assert.deepEqual(readdirSync(folder), []);
});

test("a longer body is not the pinned file", async (t) => {
  const { server, folder, fault } = await set(t);
  server.answer = serve(Buffer.concat([file, Buffer.from("more")]), '"one"');
  assert.equal(await fault(), "checksum");
  assert.deepEqual(readdirSync(folder), []);
});

test("more than the cap is not read, announced or not", async (t) => {
  const { server, folder, fault } = await set(t);
  server.answer = serve(file, '"one"');
  assert.equal(await fault({ maxBytes: 100_000 }), "too-large");
  server.answer = (_request, response) => {
    response.writeHead(200, { etag: '"one"' });
    response.write(file.subarray(0, 150_000));
    response.end(file.subarray(150_000));
  };
  assert.equal(await fault({ maxBytes: 100_000 }), "too-large");
  assert.deepEqual(readdirSync(folder), []);
});

test("what was cut is continued where it stopped", async (t) => {
  const { server, folder, target, download, cutOff } = await set(t);
  await cutOff(file, '"one"', 120_000);
  assert.deepEqual(readdirSync(folder).toSorted(), ["program.partial", "program.partial.json"]);
  assert.equal(statSync(`${target}.partial`).size, 120_000);

  server.answer = serve(file, '"one"');
  assert.deepEqual(await download(), { bytes: file.length, fetched: true });
  assert.deepEqual(server.asked.at(-1), { range: "bytes=120000-", ifRange: '"one"' });
  assert.deepEqual(readFileSync(target), file);
  assert.deepEqual(readdirSync(folder), ["program"]);
});

test("the cap is for all parts together", async (t) => {
  const { server, folder, target, fault, cutOff } = await set(t);
  await cutOff(file, '"one"', 120_000);
  server.answer = serve(file, '"one"');
  assert.equal(await fault({ maxBytes: 200_000 }), "too-large");
  assert.deepEqual(readdirSync(folder), []);
  await cutOff(file, '"one"', 120_000);
  server.answer = (_request, response) => {
    // The whole's length is not told (RFC 9110 §14.4).
    response.writeHead(206, { etag: '"one"', "content-range": `bytes 120000-${file.length - 1}/*` });
    response.end(file.subarray(120_000));
  };
  assert.equal(await fault({ maxBytes: 200_000 }), "too-large");
  assert.ok(!existsSync(target));
});

test("a file that changed between the parts begins anew", async (t) => {
  const { server, target, download, cutOff } = await set(t);
  await cutOff(other, '"old"', 120_000);
  server.answer = serve(file, '"new"');
  await download();
  assert.equal(server.asked.at(-1)?.ifRange, '"old"');
  assert.deepEqual(readFileSync(target), file);
});

test("a server that ignores Range or If-Range does not end in a mixture", async (t) => {
  const { server, target, download, cutOff } = await set(t);
  await cutOff(file, '"one"', 120_000);
  server.answer = (_request, response) => response.writeHead(200, { etag: '"one"' }).end(file);
  await download();
  assert.deepEqual(readFileSync(target), file);

  writeFileSync(target, "");
  await cutOff(other, '"old"', 120_000);
  server.answer = (request, response) => {
    delete request.headers["if-range"];
    serve(file, '"new"')(request, response);
  };
  await download();
  assert.deepEqual(readFileSync(target), file);
});

test("a part from elsewhere than asked, and a beginning longer than the file, begin anew", async (t) => {
  const { server, target, download, cutOff } = await set(t);
  await cutOff(file, '"one"', 120_000);
  server.answer = (request, response) => {
    if (request.headers.range === undefined) return serve(file, '"one"')(request, response);
    const head = { etag: '"one"', "content-range": `bytes 5-${file.length - 1}/${file.length}` };
    response.writeHead(206, head).end(file.subarray(5));
  };
  await download();
  assert.deepEqual(readFileSync(target), file);

  writeFileSync(target, "");
  await cutOff(Buffer.concat([file, file]), '"one"', 400_000);
  server.answer = serve(file, '"one"');
  await download();
  assert.deepEqual(readFileSync(target), file);
});

test("a beginning for another pin, or one that was tampered with, is not continued into a good file", async (t) => {
  const { server, target, download, fault, cutOff } = await set(t);
  await cutOff(file, '"one"', 120_000);
  server.answer = serve(other, '"one"');
  await download({ sha256: sha256(other) });
  assert.equal(server.asked.at(-1)?.range, undefined);
  assert.deepEqual(readFileSync(target), other);

  await cutOff(file, '"one"', 120_000);
  writeFileSync(`${target}.partial`, Buffer.alloc(50_000));
  server.answer = serve(file, '"one"');
  assert.equal(await fault(), "checksum");
  assert.ok(!existsSync(`${target}.partial`));
  await download();
  assert.deepEqual(readFileSync(target), file);
});

test("a weak validator is no ground to continue on", async (t) => {
  const { folder, cutOff } = await set(t);
  await cutOff(file, 'W/"one"', 120_000);
  assert.deepEqual(readdirSync(folder), []);
});

test("a redirect is followed to listed hosts only", async (t) => {
  const { server, target, download, fault } = await set(t);
  const elsewhere = await startReleaseServer(t);
  elsewhere.answer = serve(file, '"one"');
  server.answer = (_request, response) =>
    response.writeHead(302, { location: `${elsewhere.url}/program` }).end();
  assert.equal(await fault(), "not-allowed");
  assert.deepEqual([elsewhere.asked.length, existsSync(target)], [0, false]);

  server.answer = (request, response) => {
    if (request.url === "/moved") return serve(file, '"one"')(request, response);
    response.writeHead(302, { location: "/moved" }).end();
  };
  await download();
  assert.deepEqual(readFileSync(target), file);
});

test("a refusal is told as such, and a host that is not listed is not asked", async (t) => {
  const { server, folder, fault } = await set(t);
  assert.equal(await fault(), "refused");
  assert.equal(await fault({ url: "https://downloads.example.org/program" }), "not-allowed");
  assert.deepEqual([server.asked.length, readdirSync(folder)], [1, []]);
});

test("called off, it keeps what can be continued", async (t) => {
  const { server, folder, download } = await set(t);
  server.answer = (_request, response) => {
    response.writeHead(200, { "content-length": file.length, etag: '"one"' }).write(file.subarray(0, 50_000));
  };
  const stop = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(
    download({}, { signal: stop.signal, onProgress: () => stop.abort(reason) }),
    (error) => error === reason,
  );
  assert.deepEqual(readdirSync(folder).toSorted(), ["program.partial", "program.partial.json"]);
});
