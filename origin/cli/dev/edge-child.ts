// The process that holds the development edge. Apart from the origin's because wrangler's own signal handler ends its
// process at once, which would cut our shutdown short. It lives as long as the IPC channel to its parent.
import { join } from "node:path";

import type { EdgeChildMessage, EdgeOptions } from "./edge-process.ts";

type StartWorker = typeof import("wrangler").unstable_startWorker;
type EdgeWorker = Awaited<ReturnType<StartWorker>>;

let worker: EdgeWorker | undefined;

process.once("disconnect", () => void leave());
process.once("message", (options) => void start(options as EdgeOptions));

async function start(options: EdgeOptions): Promise<void> {
  let unstable_startWorker: StartWorker;
  try {
    ({ unstable_startWorker } = await import("wrangler"));
  } catch {
    return say({
      failed: "no-wrangler",
      message: 'The edge needs wrangler, a development dependency: run "npm ci" without --omit.',
    });
  }
  try {
    worker = await unstable_startWorker({
      config: join(options.root, "wrangler.toml"),
      bindings: {
        ORIGIN: { type: "fetcher", fetcher: { external: { address: options.origin, http: {} } } },
        EDGE_KEY: { type: "secret_text", value: options.edgeKey },
        HOSTS: { type: "plain_text", value: options.hosts },
        ...Object.fromEntries(
          Object.entries(options.vars ?? {}).map(([name, value]) => [name, { type: "plain_text", value }]),
        ),
        TRUSTED_HEADERS: { type: "plain_text", value: options.trustedHeaders ?? "" },
        ...(options.mailS3 && mailBuckets(options.mailS3)),
      },
      dev: {
        server: { hostname: "127.0.0.1", port: options.port },
        inspector: false,
        persist: options.persistDir,
        logLevel: "error",
        watch: false,
        // Else Host becomes the zone of the first route.
        inferOriginFromRoutes: false,
      },
    });
    const { raw } = worker;
    // A busy port is only told by this event; `ready` would wait for ever.
    await Promise.race([worker.ready, new Promise((_, reject) => raw.once("error", reject))]);
    say({ ready: String(await worker.url) });
  } catch (error) {
    const text = describe(error);
    const busy = /address already in use|EADDRINUSE/i.test(text);
    say({
      failed: busy ? "port-busy" : "not-started",
      message: busy
        ? `Port ${options.port} on 127.0.0.1 is taken: stop what holds it, or choose another with --edge-port.`
        : `The edge did not start: ${text}`,
    });
  }
}

/** Both of mail, with keys by which their S3 interface can be asked. */
function mailBuckets({ bucket, accessKeyId, secretAccessKey }: NonNullable<EdgeOptions["mailS3"]>) {
  const local_dev = { experimental_s3_credentials: { accessKeyId, secretAccessKey } };
  const named = (bucket_name: string) => ({ type: "r2_bucket" as const, bucket_name, local_dev });
  return { MAIL: named(bucket), MAIL_LOST: named(`${bucket}-lost`) };
}

async function leave(): Promise<void> {
  // Whatever hangs, this group (workerd and esbuild are in it) is gone a second from now.
  setTimeout(() => process.kill(-process.pid, "SIGKILL"), 1000).unref();
  await worker?.dispose().catch(() => undefined);
  process.kill(-process.pid, "SIGKILL");
}

function say(message: EdgeChildMessage): void {
  process.send?.(message);
}

/** Messages of an error and of what caused it: wrangler wraps workerd's. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) {
    const { cause, reason } = (error ?? {}) as { cause?: unknown; reason?: string };
    return (
      [reason, cause === undefined ? undefined : describe(cause)].filter(Boolean).join(": ") || String(error)
    );
  }
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`;
}
