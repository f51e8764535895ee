import type { Check } from "../../app.ts";

export function ok(name: string, detail: string): Check {
  return { name, status: "ok", detail };
}

export function warning(name: string, detail: string): Check {
  return { name, status: "warning", detail };
}

export function failed(name: string, detail: string): Check {
  return { name, status: "failed", detail };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
