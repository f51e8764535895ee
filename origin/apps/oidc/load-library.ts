import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";

/**
 * What takes most of the time, from what others stand on to what stands on them. A file that a later version has not any
 * more is loaded with the rest.
 */
export const libraryParts = [
  "jose/jwe/compact/decrypt",
  "jose",
  "./helpers/defaults.js",
  "./helpers/configuration.js",
  "./models/base_token.js",
  "./models/client.js",
  "./models/index.js",
  "./actions/authorization/index.js",
  "./actions/grants/index.js",
  "./actions/index.js",
  "./helpers/initialize_app.js",
];

/**
 * oidc-provider, some 300 files: whole it takes 200 to 400 ms, during which nobody is answered. So it comes in parts,
 * and between two of them others have their turn.
 */
export async function loadLibrary(): Promise<typeof import("oidc-provider")> {
  const library = createRequire(import.meta.resolve("oidc-provider"));
  await loadKoa(library);
  for (const part of libraryParts) {
    await turn();
    try {
      await import(pathToFileURL(library.resolve(part)).href);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  await turn();
  return await import("oidc-provider");
}

/** Its web framework, which is CommonJS: what it needs first, one by one. */
async function loadKoa(library: NodeJS.Require): Promise<void> {
  const koa = createRequire(library.resolve("koa"));
  const { dependencies } = JSON.parse(readFileSync(library.resolve("koa/package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  for (const name of [...Object.keys(dependencies), library.resolve("koa")]) {
    await turn();
    koa(name);
  }
}
