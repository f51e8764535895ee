import type { MailConfig } from "../../../config/config.ts";
import type { Outbound } from "../../../host/outbound/outbound.ts";
import { openS3Bucket, type S3Fault, type S3Object } from "../../../host/s3/s3-bucket.ts";
import type { Envelope } from "./arrival-store.ts";
import { pendingPrefix, readEnvelope } from "./read-envelope.ts";

/** The bucket cannot be used. The message says what to look at; nothing in it is lost. */
export class MailBucketError extends Error {
  override name = "MailBucketError";
  readonly fault: S3Fault;
  constructor(fault: S3Fault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

export interface ObjectInBucket {
  readonly envelope: Envelope;
  /** As the edge noted it; undefined where that is missing. */
  readonly size: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The bucket in which mail lies until it is fetched. All but `close` throw MailBucketError. */
export interface MailBucket {
  /** What is in it, the oldest first, at most 1,000 objects a page. */
  pages(): AsyncIterable<readonly S3Object[]>;
  /** `bytes`: as listed. Undefined where it is not there any more. */
  get(object: string, bytes: number): Promise<ObjectInBucket | undefined>;
  /** At most 1,000 at once; answers those that are still there. */
  remove(objects: readonly string[]): Promise<readonly string[]>;
  /** Calls off what is under way. */
  close(): void;
}

/** Bytes of the largest object that is fetched; Email Routing takes 25 MiB. */
export const largestObject = 60_000_000;

const leastMs = 60_000;
/** Bytes a millisecond of one of several that come at once, by a line that is still of use. */
const slowestRate = 10;

export function openMailBucket(options: {
  config: Pick<MailConfig, "bucketUrl" | "bucketRegion" | "bucketKeyId">;
  secret: string | undefined;
  outbound: Pick<Outbound, "fetch">;
}): MailBucket {
  const { config, secret, outbound } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const host = new URL(config.bucketUrl).host;
  if (secret === undefined || config.bucketKeyId === "") return closedBucket();
  const bucket = openS3Bucket({
    settings: {
      url: config.bucketUrl,
      region: config.bucketRegion,
      keyId: config.bucketKeyId,
      secret,
    },
    ask: (url, init) => outbound.fetch("mail", url, init),
    fail(fault, cause) {
      const what = (cause instanceof Error ? cause.message : String(cause)).replace(/[. ]+$/, "");
      return new MailBucketError(fault, `The bucket of mail (${host}) ${cannot[fault]}: ${what}. ${advice}`, {
        cause,
      });
    },
  });
  return {
    pages: () => bucket.pages(pendingPrefix, { signal }),
    async get(object, bytes) {
      const timeoutMs = leastMs + bytes / slowestRate;
      const answer = await bucket.send("GET", object, { signal, maxBytes: largestObject, timeoutMs });
      if (answer.status === 404) {
        await answer.body?.cancel();
        return undefined;
      }
      const { headers, body } = await bucket.expect(answer, "GET", 200);
      const { size, ...envelope } = readEnvelope(object, headers);
      return { envelope, size, body: body ?? nothing() };
    },
    remove: (objects) => bucket.removeAll(objects, signal),
    close: () => stop.abort(),
  };
}

const cannot: Readonly<Record<S3Fault, string>> = {
  refused: "does not take the key",
  unreachable: "cannot be reached",
  unusable: "cannot be used",
  closed: "is not asked now",
};
const advice =
  "Nothing in it is lost. Check [mail] bucket_url, bucket_region and bucket_key_id in burrow.toml, and the secret, mail-bucket-secret.";

/** A bucket without its key: each use says what is missing. */
function closedBucket(): MailBucket {
  const refuse = (): Promise<never> =>
    Promise.reject(
      new MailBucketError(
        "refused",
        'The key of the bucket of mail is not complete, so nothing is fetched; nothing in it is lost. Set [mail] bucket_key_id in burrow.toml, and hand in its secret: "burrow rotate mail-bucket-secret". Then restart Burrow.',
      ),
    );
  return {
    async *pages() {
      yield await refuse();
    },
    get: refuse,
    remove: refuse,
    close() {},
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
