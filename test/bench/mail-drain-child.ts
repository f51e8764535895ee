/** One drain on the real stores, measured: `mail-drain-child.ts DATA`. Prints one line of JSON. */
import { createArriving } from "../../origin/apps/mail/arriving/arriving.ts";
import { createDelivery } from "../../origin/apps/mail/delivery/deliver.ts";
import { openMail } from "../apps/mail/open-mail.ts";

const opened = openMail(process.argv[2] ?? "");
const { mail } = opened;
const arriving = createArriving(mail, { delivery: createDelivery(mail), bucketSecret: "secret" });
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
await arriving.close();
await opened.close();
