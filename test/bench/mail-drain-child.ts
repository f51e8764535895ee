/**
 * One drain on the real stores, measured: `mail-drain-child.ts DATA [land]`; with `land` nothing is read and filed. Drains
 * once before, so that what is loaded when it is first needed is there, says "ready", and begins at the first byte of its
 * standard input. Then prints one line of JSON.
 */
import { once } from "node:events";
import type { Delivery } from "../../origin/apps/mail/arriving/arrival.ts";
import { createArriving } from "../../origin/apps/mail/arriving/arriving.ts";
import { createDelivery } from "../../origin/apps/mail/delivery/deliver.ts";
import { openMail } from "../apps/mail/open-mail.ts";

const [dataDir = "", mode] = process.argv.slice(2);
const opened = openMail(dataDir);
const { mail } = opened;
const settling: Delivery = { deliver: (_arrival, settle) => mail.database.write(settle, { patient: true }) };
const delivery = mode === "land" ? settling : createDelivery(mail);
const arriving = createArriving(mail, { delivery, bucketSecret: "secret" });
await arriving.drain();
console.log("ready");
await once(process.stdin, "data");
const start = performance.now();
const before = process.cpuUsage();
const { delivered } = await arriving.drain();
const { user, system } = process.cpuUsage(before);
console.log(
  JSON.stringify({
    delivered,
    seconds: (performance.now() - start) / 1000,
    cpuSeconds: (user + system) / 1e6,
    megabytes: Math.round(process.resourceUsage().maxRSS / 1000),
  }),
);
process.stdin.destroy();
await arriving.close();
await opened.close();
