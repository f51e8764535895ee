/**
 * An origin in a process of its own, for tests that kill it: `origin-child.ts DATA PORT PUBLIC_URL`. Prints one JSON line when
 * it listens; ends on SIGTERM, or when its parent is gone.
 */
import { startTestOrigin } from "./test-origin.ts";

const [dataDir = "", port = "0", publicUrl = ""] = process.argv.slice(2);
const origin = await startTestOrigin({ dataDir, port: Number(port), publicUrl });
console.log(JSON.stringify(origin.facts));
const stop = (): void => void origin.close().then(() => process.exit(0));
process.on("SIGTERM", stop);
process.on("disconnect", () => process.exit(0));
