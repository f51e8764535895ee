import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { readDevice } from "../../../origin/host/metrics/probes.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

/** A device's /proc and /sys, as far as it shows them. */
function device(t: Parameters<typeof temporaryFolder>[0], files: Record<string, string>): string {
  const root = temporaryFolder(t);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

test("a phone's battery, its temperature, and the memory that could be had", (t) => {
  const state = readDevice(
    "/",
    device(t, {
      "proc/meminfo": "MemTotal: 4000000 kB\nMemAvailable:    1500 kB\n",
      "sys/class/power_supply/usb/type": "USB\n",
      "sys/class/power_supply/battery/type": "Battery\n",
      "sys/class/power_supply/battery/status": "Discharging\n",
      "sys/class/power_supply/battery/capacity": "83\n",
      "sys/class/power_supply/battery/temp": "317\n",
      "sys/class/thermal/thermal_zone0/temp": "60000\n",
    }),
  );
  assert.equal(state.memoryFree, 1_536_000);
  assert.deepEqual([state.batteryLevel, state.discharging], [83, true]);
  assert.deepEqual([state.temperature, state.temperatureOf], [31.7, "battery"]);
});

test("a box without a battery has its hottest sensor; impossible ones do not count", (t) => {
  const state = readDevice(
    "/",
    device(t, {
      // A mouse's battery is not the device's.
      "sys/class/power_supply/mouse/type": "Battery\n",
      "sys/class/power_supply/mouse/scope": "Device\n",
      "sys/class/power_supply/mouse/capacity": "9\n",
      "sys/class/power_supply/mouse/status": "Discharging\n",
      "sys/class/thermal/thermal_zone0/temp": "41500\n",
      "sys/class/thermal/thermal_zone1/temp": "48000\n",
      "sys/class/thermal/thermal_zone2/temp": "255000\n",
      "sys/class/thermal/thermal_zone3/temp": "nonsense\n",
    }),
  );
  assert.deepEqual([state.batteryLevel, state.discharging], [null, null]);
  assert.deepEqual([state.temperature, state.temperatureOf], [48, "hottest sensor"]);
});

test("where nothing can be read, nothing is thrown", (t) => {
  const state = readDevice(join(temporaryFolder(t), "none"), "/no/such/root");
  assert.deepEqual([state.diskFree, state.batteryLevel, state.temperature], [null, null, null]);
  assert.ok((state.memoryFree ?? 1) > 0);
});
