// The entry of the bundle. Apart from worker.ts because a Durable Object needs `cloudflare:workers`, which only workerd
// has, and the pipeline is to run in Node's tests as well.
export { Sentinel } from "./state/sentinel.ts";
export { Throttle } from "./state/throttle.ts";
export { default } from "./worker.ts";
