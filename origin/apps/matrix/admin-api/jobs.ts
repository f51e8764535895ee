import { queryCount } from "../client-api/read-body.ts";
import type { Job } from "../jobs/jobs.ts";
import type { MatrixContext } from "../matrix-context.ts";
import { notFound } from "../matrix-error.ts";
import { idOf, isoTime, largestPage, type OwnersOperation, usualPage } from "./operation.ts";

export function jobRoutes({ jobs, database }: MatrixContext): OwnersOperation[] {
  return [
    {
      method: "GET",
      path: "/jobs",
      handle(call) {
        const limit = queryCount(call.query, "limit", usualPage, largestPage);
        const before = queryCount(call.query, "before", Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
        return { jobs: jobs.list(before, limit).map(describeJob) };
      },
    },
    {
      method: "GET",
      path: "/jobs/:id",
      handle(call) {
        const job = jobs.get(idOf(call));
        if (!job) throw notFound("There is no such job.");
        return describeJob(job);
      },
    },
    {
      method: "DELETE",
      path: "/jobs/:id",
      async handle(call) {
        const id = idOf(call);
        const cancelled = await database.write((transaction) => jobs.cancel(transaction, id));
        const job = jobs.get(id);
        if (!cancelled || !job) throw notFound("There is no job of this id that still runs.");
        return describeJob(job);
      },
    },
  ];
}

/** Who is told of a notice, and what it says, is left out: there may be many. */
export function describeJob(job: Job): object {
  const { content: _, members: __, ...subject } = job.arguments;
  return {
    id: job.id,
    kind: job.kind,
    ...subject,
    state: job.state,
    done: job.done,
    total: job.total,
    error: job.error,
    created_by: job.createdBy,
    created_at: isoTime(job.createdAt),
    ended_at: isoTime(job.endedAt),
  };
}
