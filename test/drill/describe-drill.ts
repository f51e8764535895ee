import type { DrillFigures } from "./login-drill.ts";

/** What a person reads of a drill. */
export function describeDrill(figures: DrillFigures): string[] {
  const { guesses, doors, derivations, derivationsInWorstMinute, owner, odd } = figures;
  return [
    `${guesses} guesses from 200 addresses and a /48`,
    ...Object.entries(doors).map(
      ([name, { looked, refused }]) => `  ${name}: ${looked} looked at, ${refused} told to wait`,
    ),
    `derivations for them: ${derivations}, in the worst minute ${derivationsInWorstMinute}`,
    ...Object.entries(owner).map(
      ([from, waits]) =>
        `the owner from a ${from} waited ${waits.map((wait) => `${Math.round(wait / 1000)} s`).join(", ")}`,
    ),
    ...odd.slice(0, 10).map((line) => `odd: ${line}`),
  ];
}
