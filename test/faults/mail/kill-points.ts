/** Where a child of the kill tests ends itself: `NAME` or `NAME N`, at the Nth time that it comes by there. */

export interface KillPoints {
  /** Comes back, unless this is the place. */
  at(name: string): void;
}

export function createKillPoints(asked: string): KillPoints {
  const [, wanted = "", times = "1"] = /^(.*?)(?: (\d+))?$/.exec(asked) ?? [];
  let seen = 0;
  return {
    at(name) {
      if (name !== wanted || (seen += 1) !== Number(times)) return;
      process.kill(process.pid, "SIGKILL");
      // Not one more instruction of ours.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    },
  };
}
