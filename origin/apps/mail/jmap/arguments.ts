import { MethodError } from "./jmap-error.ts";

/** The arguments of a method call, read one by one: each is what it must be, or the call fails with invalidArguments. */
export class Arguments {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #read = new Set<string>();

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  /** All of them, as they came. */
  all(): object {
    return this.#values;
  }

  /** As it came; absent and null are one. */
  get(name: string): unknown {
    this.#read.add(name);
    return Object.hasOwn(this.#values, name) ? (this.#values[name] ?? undefined) : undefined;
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw invalid(name, "must be given, as a text");
    return value;
  }

  optionalText(name: string): string | undefined {
    const value = this.get(name);
    if (value !== undefined && typeof value !== "string") throw invalid(name, "must be a text");
    return value;
  }

  optionalTexts(name: string): string[] | undefined {
    const value = this.get(name);
    if (value !== undefined && !isTexts(value)) throw invalid(name, "must be a list of texts");
    return value;
  }

  flag(name: string): boolean {
    const value = this.get(name);
    if (value !== undefined && typeof value !== "boolean") throw invalid(name, "must be true or false");
    return value ?? false;
  }

  /** An Int (RFC 8620 §1.3). */
  optionalInteger(name: string, least = Number.MIN_SAFE_INTEGER): number | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least)
      throw invalid(name, least === 0 ? "must be a whole number, 0 or more" : "must be a whole number");
    return value;
  }

  optionalObject(name: string): Record<string, unknown> | undefined {
    const value = this.get(name);
    if (value !== undefined && !isObject(value)) throw invalid(name, "must be an object");
    return value;
  }

  object(name: string): Record<string, unknown> {
    const value = this.optionalObject(name);
    if (!value) throw invalid(name, "must be given, as an object");
    return value;
  }

  optionalList(name: string): unknown[] | undefined {
    const value = this.get(name);
    if (value !== undefined && !Array.isArray(value)) throw invalid(name, "must be a list");
    return value;
  }

  /** Throws for arguments that the method does not know. Call it once all known ones were read. */
  end(): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#read.has(name));
    if (unknown !== undefined) throw invalid(unknown, "is not an argument of this method");
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === "string");
}

export function invalid(name: string, problem: string): MethodError {
  return new MethodError("invalidArguments", `${name} ${problem}.`);
}
