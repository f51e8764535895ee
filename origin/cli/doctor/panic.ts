import type { Check } from "../../app.ts";
import { openPanicDatabase } from "../../gate/panic/panic-database.ts";
import { createPanicLatch } from "../../gate/panic/panic-latch.ts";
import { failed, failedBy, ok } from "./check.ts";

/** Whether the panic latch is set on this device. */
export async function checkPanic(dataDir: string): Promise<Check> {
  try {
    const database = openPanicDatabase(dataDir);
    const { level, since } = createPanicLatch(database, Date.now).latched();
    await database.close();
    if (level === "none") return ok("panic", "No panic is in force on this device.");
    return failed("panic", `The level ${level} is in force since ${new Date(since).toISOString()}.`, {
      why: level === "logins" ? "Nobody can sign in." : "Nobody is answered.",
      mend: "When the danger is over: burrow panic clear",
    });
  } catch (error) {
    return failedBy("panic", error, "Burrow does not start: it does not know whether it may answer anybody.");
  }
}
