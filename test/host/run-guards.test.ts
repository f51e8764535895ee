import assert from "node:assert/strict";
import { test } from "node:test";

import type { Config } from "../../origin/config/config.ts";
import {
  checkDevelopment,
  checkPlatform,
  checkProduction,
  checkTestAllowed,
  checkTestFolder,
  checkUser,
  RunRefusedError,
} from "../../origin/host/dev-guard.ts";

const development = {
  mode: "development",
  dataDir: "/data",
  serverName: "burrow.localhost",
  publicUrl: "http://127.0.0.1:8787",
} as Config;
const production = {
  mode: "production",
  dataDir: "/data",
  serverName: "example.org",
  publicUrl: "https://example.org",
} as Config;

const allow = { BURROW_ALLOW_DEV_MODE: "1" };

test("dev opens a development folder and no production one", () => {
  checkDevelopment(development);
  assert.throws(() => checkDevelopment(production), RunRefusedError);
});

test("dev refuses a public name, in the server's name or in its URL", () => {
  for (const open of [
    { serverName: "example.org" },
    { publicUrl: "https://example.org" },
    { serverName: "localhost.example.org" },
  ]) {
    assert.throws(() => checkDevelopment({ ...development, ...open }), /public name/);
  }
});

test("up runs production", () => {
  checkProduction(production, {});
  checkProduction(production, { NODE_ENV: "production" });
});

test("up refuses development and test mode unless told", () => {
  assert.throws(() => checkProduction(development, {}), /BURROW_ALLOW_DEV_MODE=1/);
  checkProduction(development, allow);
  const local = { ...production, serverName: "burrow.localhost" };
  for (const mode of ["test", "development"]) {
    assert.throws(() => checkProduction(local, { NODE_ENV: mode }), /BURROW_ALLOW_DEV_MODE=1/);
  }
});

test("a test server's folder is for test-server alone, and for this machine alone", () => {
  const folder = { ...production, mode: "test", serverName: "hs1", publicUrl: "https://hs1" } as Config;
  checkTestFolder(folder);
  checkTestFolder({ ...folder, publicUrl: "http://127.0.0.1:8008" });
  assert.throws(() => checkTestFolder({ ...folder, publicUrl: "https://example.org" }), /public name/);
  for (const other of [development, production]) {
    assert.throws(() => checkTestFolder(other), /no test server's/);
  }
  assert.throws(() => checkProduction(folder, allow), /test server's/);
  assert.throws(() => checkDevelopment(folder), /not for development/);
  checkTestAllowed(allow);
  for (const environment of [{}, { BURROW_ALLOW_DEV_MODE: "yes" }]) {
    assert.throws(() => checkTestAllowed(environment), /BURROW_ALLOW_DEV_MODE=1/);
  }
});

test("up never runs them under a public name, told or not", () => {
  assert.throws(
    () => checkProduction({ ...development, publicUrl: "https://example.org" }, allow),
    /public name/,
  );
  assert.throws(() => checkProduction(production, { NODE_ENV: "test", ...allow }), /public name/);
});

test("root is refused unless told; other users and systems without users are not", () => {
  assert.throws(() => checkUser(0, false), /--allow-root/);
  checkUser(0, true);
  checkUser(1000, false);
  checkUser(undefined, false);
});

test("Windows is refused with the reason", () => {
  assert.throws(() => checkPlatform("win32"), /file modes/);
  checkPlatform("android");
});
