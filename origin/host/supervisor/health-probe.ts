import { request } from "node:http";
import type { HealthTarget } from "./service.ts";

/** A service of the same machine answers at once or is not well. */
const patienceMs = 5_000;

/** Asks a service how it is, over loopback or its socket. Resolves with what is wrong; undefined: healthy. */
export function probeHealth(target: HealthTarget): Promise<string | undefined> {
  const { address, path } = target;
  const where =
    address.kind === "unix" ? { socketPath: address.path } : { host: address.host, port: address.port };
  return new Promise((resolve) => {
    const asked = request(
      { ...where, path, agent: false, signal: AbortSignal.timeout(patienceMs) },
      (response) => {
        const status = response.statusCode ?? 0;
        // Only the status counts; a body without end is not read.
        response.destroy();
        resolve(status >= 200 && status < 400 ? undefined : `its health check answers ${status}`);
      },
    );
    asked.once("error", (error: NodeJS.ErrnoException) => {
      resolve(
        error.name === "AbortError" || error.name === "TimeoutError"
          ? `its health check does not answer within ${patienceMs / 1_000} s`
          : `its health check cannot be asked (${error.code ?? error.message})`,
      );
    });
    asked.end();
  });
}
