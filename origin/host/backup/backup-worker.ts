/** The thread that packs, encrypts and hashes: the daemon's own stays free to answer. */
import { parentPort } from "node:worker_threads";
import { type Age, ageLibrary, findAgeProgram, newIdentity } from "./age.ts";
import { BackupError } from "./backup-error.ts";
import { encryptBlob } from "./encrypt-blob.ts";
import { hashFile } from "./file-reader.ts";
import { packArchive } from "./pack-archive.ts";
import { prepareDatabases } from "./prepare-databases.ts";
import { snapshotDatabase } from "./snapshot.ts";
import { unpackArchive, verifyArchive } from "./unpack-archive.ts";
import type { JobName, JobReply, JobRequest, WorkerJobs } from "./worker-jobs.ts";

type Progress = (done: number, total: number) => void;
type Handlers = {
  [Name in JobName]: (input: WorkerJobs[Name][0], onProgress: Progress) => Promise<WorkerJobs[Name][1]>;
};

const age: Age = findAgeProgram() ?? ageLibrary;

const handlers: Handlers = {
  newIdentity: () => newIdentity(),
  snapshot: ({ name, file, copy }) => snapshotDatabase(name, file, copy),
  encryptBlob: (job) => encryptBlob(job, age),
  pack: (job, onProgress) => packArchive(job, age, (done) => onProgress(done, 0)),
  verify: ({ path, verifyKey, blobFolders }, onProgress) =>
    verifyArchive(path, verifyKey, blobFolders, onProgress),
  unpack: (job, onProgress) => unpackArchive(job, age, onProgress),
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
    (error: unknown) => {
      const fault = error instanceof BackupError ? error.fault : undefined;
      const message = error instanceof Error ? error.message : String(error);
      send({ id, kind: "failed", fault, message });
    },
  );
});
