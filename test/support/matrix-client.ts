import { createClient, Filter, type MatrixClient } from "matrix-js-sdk";
import type { CryptoCallbacks } from "matrix-js-sdk/lib/crypto-api/index.js";
import { logger } from "matrix-js-sdk/lib/logger.js";
import { SlidingSync } from "matrix-js-sdk/lib/sliding-sync.js";

/** The SDK logs every request to the console otherwise. */
export const forgetfulLogger = {
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  getChild: () => forgetfulLogger,
};
// Loggers made later inherit the factory: none of them writes.
const root = logger as unknown as { methodFactory: () => () => void; rebuild(): void };
root.methodFactory = () => () => {};
root.rebuild();

/**
 * An ordinary client, signed in and syncing: matrix-js-sdk with its Rust crypto, in memory. `lazy`: as Element Web
 * syncs, with lazily loaded members and threads. `sliding`: by sliding sync, all rooms in one list.
 */
export async function createMatrixClient(
  baseUrl: string,
  account: Record<string, string>,
  options: {
    fetchFn?: typeof fetch;
    lazy?: boolean;
    sliding?: boolean;
    cryptoCallbacks?: CryptoCallbacks;
  } = {},
): Promise<MatrixClient> {
  const client = createClient({
    baseUrl,
    userId: account["user_id"]!,
    deviceId: account["device_id"]!,
    accessToken: account["access_token"]!,
    logger: forgetfulLogger,
    ...(options.fetchFn && { fetchFn: options.fetchFn }),
    ...(options.cryptoCallbacks && { cryptoCallbacks: options.cryptoCallbacks }),
  });
  await client.initRustCrypto({ useIndexedDB: false });
  const prepared = new Promise<void>((resolve) => {
    const onSync = (state: string): void => {
      if (state !== "PREPARED") return;
      client.off("sync" as never, onSync as never);
      resolve();
    };
    client.on("sync" as never, onSync as never);
  });
  if (options.lazy) {
    await client.startClient({ lazyLoadMembers: true, threadSupport: true, initialSyncLimit: 20 });
  } else if (options.sliding) {
    const room = { required_state: [["*", "*"]], timeline_limit: 100 };
    const lists = new Map([["all", { ...room, ranges: [[0, 99]] }]]);
    await client.startClient({ slidingSync: new SlidingSync(baseUrl, lists, room, client, 20_000) });
  } else {
    // What is missed during a restart comes in one answer, without a gap to page through.
    const filter = new Filter(client.getSafeUserId());
    filter.setTimelineLimit(200);
    await client.startClient({ filter });
  }
  await prepared;
  return client;
}
