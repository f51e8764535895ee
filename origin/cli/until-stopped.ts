/**
 * Settles when somebody wants the process to stop: a signal, or the end of the npm that started it. Signals keep
 * being caught afterwards: Ctrl-C arrives twice (from the terminal and from npm), and the second must not cut the
 * orderly stop short.
 */
export function untilStopped(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(signal));
    // SIGKILL of npm reaches nobody but npm: its child sees only that it has another parent.
    if (process.env["npm_lifecycle_event"] !== undefined) {
      const parent = process.ppid;
      const watch = setInterval(() => {
        if (process.ppid === parent) return;
        clearInterval(watch);
        resolve("npm ended");
      }, 500);
      watch.unref();
    }
  });
}
