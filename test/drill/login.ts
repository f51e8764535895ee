/**
 * The attack drill at full length: 10,000 guesses in half an hour of the drill's own clock. Prints what reached the
 * derivation and how long the owner waited.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runLoginDrill } from "./login-drill.ts";
import { describeDrill } from "./describe-drill.ts";

const folder = await mkdtemp(join(tmpdir(), "burrow drill "));
try {
  const figures = await runLoginDrill({ dataDir: folder, guesses: 10_000, minutes: 30 });
  process.stdout.write(`${describeDrill(figures).join("\n")}\n`);
} finally {
  await rm(folder, { recursive: true, force: true });
}
