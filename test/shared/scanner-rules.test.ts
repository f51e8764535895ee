import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { findScannerRule, SCANNER_RULES } from "../../shared/scanner-rules.ts";
import type { ScannerFamily } from "../../shared/scanner-rules.ts";
import { projectRoot } from "../support/run-burrow.ts";
import { CHOSEN_NAMES, CLIENTS_QUESTIONS, PROBES } from "./scanner-corpus.ts";

/** One `METHOD target` a line, as clients asked for it in the suites of test/e2e. */
const RECORDED = readFileSync(join(projectRoot, "test/shared/recorded-traffic.txt"), "utf8")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"))
  .map((line) => line.split(" ")[1] ?? "");

/** The target as the edge has it: through the URL parser. */
function fire(target: string): string | undefined {
  const { pathname, search } = new URL(`https://example.org${target.replace(/^\/\/+/, "/")}`);
  const raw = target.startsWith("//") ? `/${pathname}` : pathname;
  return findScannerRule(raw, search)?.id;
}

test("every rule fires on its own examples, and each family of the row has some", () => {
  assert.ok(SCANNER_RULES.length >= 60);
  for (const { id } of SCANNER_RULES) {
    assert.ok((PROBES[id]?.length ?? 0) > 0, `${id} has no example`);
    for (const example of PROBES[id] ?? []) assert.equal(fire(example), id, example);
  }
  const ids = new Set(SCANNER_RULES.map(({ id }) => id));
  assert.deepEqual(
    Object.keys(PROBES).filter((id) => !ids.has(id)),
    [],
  );
  const families: ScannerFamily[] = [
    "dotfiles",
    "vcs",
    "cloud",
    "wordpress",
    "phpmyadmin",
    "php",
    "iot",
    "java",
    "laravel",
    "exchange",
    "dumps",
    "config",
    "cve",
    "log4shell",
    "spring4shell",
    "traversal",
  ];
  for (const family of families)
    assert.ok(
      SCANNER_RULES.some((rule) => rule.family === family),
      family,
    );
});

test("no rule fires on what any client of the suites has asked for", () => {
  assert.ok(RECORDED.length > 80, String(RECORDED.length));
  for (const target of RECORDED) {
    assert.equal(fire(target), undefined, target);
    // Nor would one elsewhere, where nothing is known of who chooses the names.
    assert.equal(fire(`/elsewhere${target}`), undefined, target);
  }
});

test("no rule fires on what mail, calendar and file clients ask before anybody is signed in", () => {
  for (const target of CLIENTS_QUESTIONS) assert.equal(fire(target), undefined, target);
});

test("no rule fires on any registered route, nor on names that members choose", () => {
  const table = readFileSync(join(projectRoot, "test/http/route-table.test.ts.snapshot"), "utf8");
  const routes = [...table.matchAll(/"\w+ [A-Z]+ (\/[^"]*)"/g)].map((match) => match[1] ?? "");
  assert.ok(routes.length > 100);
  for (const route of routes) {
    const target = route.replaceAll(/:\w+(?:\{[^}]*\})?\??/g, "Some.Name-1").replaceAll("*", "x/y.css");
    assert.equal(fire(target), undefined, target);
  }
  for (const target of CHOSEN_NAMES) assert.equal(fire(target), undefined, target);
});

test("a target made to be slow is judged in time that grows with its length alone", () => {
  const parts = [
    "/",
    ".",
    "a.",
    "../",
    "${",
    "%{",
    "%25",
    "/.git",
    "/phpunit/",
    "/swagger/",
    "/vendor/",
    ".sql",
  ];
  /** The quickest of several looks: what else the machine does only ever adds. */
  const timeOf = (part: string, length: number): number => {
    const text = part.repeat(Math.ceil(length / part.length)).slice(0, length);
    const looks = Array.from({ length: 15 }, () => {
      const start = performance.now();
      findScannerRule(`/${text}!`, `?${text}!`);
      return performance.now() - start;
    });
    return Math.min(...looks);
  };
  const slowest = (length: number): number => Math.max(...parts.map((part) => timeOf(part, length)));
  slowest(250);
  const [quarter, whole] = [slowest(250), slowest(1_000)];
  // Four times the length: quadratic would be sixteen times the time.
  assert.ok(whole < quarter * 12, `${quarter} ms, then ${whole} ms`);
});
