/** The thread that packs, encrypts and hashes: the daemon's own stays free to answer. */
import { parentPort } from "node:worker_threads";
import { type Age, ageLibrary, findAgeProgram, newIdentity } from "./age.ts";
import { BackupError, explainDisk } from "./backup-error.ts";
import { hashFile } from "./file-reader.ts";
import { packBlobs } from "./pack-blobs.ts";
import { prepareDatabases } from "./prepare-databases.ts";
import { snapshotDatabase } from "./snapshot.ts";
import type { JobName, JobReply, JobRequest, WorkerJobs } from "./worker-jobs.ts";

type Progress = (done: number, total: number) => void;
type Handlers = {
  [Name in JobName]: (input: WorkerJobs[Name][0], onProgress: Progress) => Promise<WorkerJobs[Name][1]>;
};

const age: Age = findAgeProgram() ?? ageLibrary;

let last: Promise<unknown> = Promise.resolve();

/** The library works in this thread: two at once would be no faster, and hold twice the memory. */
function oneByOne<T>(work: () => Promise<T>): Promise<T> {
  const next = last.then(work, work);
  last = next;
  return next;
}

/** What opens archives is loaded when it is needed: the most memory is used before that, by the blobs. */
const handlers: Handlers = {
  newIdentity: () => newIdentity(),
  snapshot: ({ name, file, copy }) => snapshotDatabase(name, file, copy),
  packBlobs: (job) => (age === ageLibrary ? oneByOne(() => packBlobs(job, age)) : packBlobs(job, age)),
  async pack(job, onProgress) {
    const { packArchive } = await import("./pack-archive.ts");
    return packArchive(job, age, (done) => onProgress(done, 0));
  },
  async verify({ path, verifyKey, packFolders }, onProgress) {
    const { verifyArchive } = await import("./unpack-archive.ts");
    return verifyArchive(path, verifyKey, packFolders, onProgress);
  },
  async unpack(job, onProgress) {
    const { unpackArchive } = await import("./unpack-archive.ts");
    return unpackArchive(job, age, onProgress);
  },
  prepare: (job) => prepareDatabases(job),
  hash: ({ path }) => hashFile(path),
};

const port = parentPort;
if (!port) throw new Error("backup-worker.ts is a worker's file");
const send = (reply: JobReply): void => port.postMessage(reply);

port.on("message", ({ id, job, input }: JobRequest) => {
  let told = 0;
  const onProgress: Progress = (done, total) => {
    const now = performance.now();
    if (now - told < 100) return;
    told = now;
    send({ id, kind: "progress", done, total });
  };
  const handler = handlers[job] as (input: unknown, onProgress: Progress) => Promise<unknown>;
  handler(input, onProgress).then(
    (result) => send({ id, kind: "done", result }),
    (thrown: unknown) => {
      const error = explainDisk(thrown);
      const fault = error instanceof BackupError ? error.fault : undefined;
      const message = error instanceof Error ? error.message : String(error);
      send({ id, kind: "failed", fault, message });
    },
  );
});
