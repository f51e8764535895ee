import type { Context } from "hono";
import type { HttpEnv } from "../../../../http/request-context.ts";
import { readBody } from "../../../../http/read-body.ts";
import { FormRefusal, readForm, refuseOtherOrigins } from "../../../../pages/form-post.ts";
import { formatBlobId } from "../../jmap/ids.ts";
import { storeUpload, UploadRefusedError } from "../../jmap/store-upload.ts";
import type { MailContext } from "../../mail-context.ts";
import { type Attachment, type Draft, nameOf, readDraft } from "./draft.ts";

/** A sent form: what was written, and which button was pressed. */
export interface ComposeForm {
  readonly draft: Draft;
  readonly act: string;
  /** Which form it is: however often it comes, it sends one message. */
  readonly form: string;
  readonly next: string | null;
}

/** Bytes of a form with files. It is held in memory: the script, which most have, uploads files by themselves, as streams. */
const largestForm = 12_000_000;
const largestText = 2_000_000;

/** Throws FormRefusal. */
export async function readComposeForm(
  mail: MailContext,
  c: Context<HttpEnv>,
  account: number,
): Promise<ComposeForm> {
  const isPlain = /^application\/x-www-form-urlencoded\b/i.test(c.req.header("content-type") ?? "");
  const { fields, files } = isPlain
    ? { fields: await readForm(c, largestText), files: [] }
    : await readMultipart(c);
  const removed = new Set(fields.getAll("remove"));
  const draft = readDraft(fields);
  const kept = draft.attachments.filter(({ blobId }) => !removed.has(blobId));
  const added: Attachment[] = [];
  for (const file of files) added.push(await keep(mail, account, file));
  return {
    draft: { ...draft, attachments: [...kept, ...added] },
    act: fields.get("act") ?? "save",
    form: (fields.get("form") ?? "").slice(0, 64),
    next: fields.get("next"),
  };
}

async function keep(mail: MailContext, account: number, file: File): Promise<Attachment> {
  const type = /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/.test(file.type) ? file.type : "application/octet-stream";
  try {
    const { hash, size } = await storeUpload(mail, account, file.stream() as never, { type });
    return { blobId: formatBlobId({ hash, partId: undefined }), name: nameOf(file.name), type, size };
  } catch (error) {
    if (error instanceof UploadRefusedError) throw new FormRefusal(413, error.message);
    throw error;
  }
}

async function readMultipart(c: Context<HttpEnv>): Promise<{ fields: URLSearchParams; files: File[] }> {
  refuseOtherOrigins(c);
  const type = c.req.header("content-type") ?? "";
  if (!/^multipart\/form-data\b/i.test(type))
    throw new FormRefusal(
      415,
      "This is not a form of this site. Open the page again and send it from there.",
    );
  const bytes = await readBody(c.req.raw, largestForm);
  if (!bytes)
    throw new FormRefusal(413, "Without the page's script, files of a message have at most 12 MB together.");
  const fields = new URLSearchParams();
  const files: File[] = [];
  for (const [name, value] of await parse(bytes, type)) {
    if (typeof value === "string") fields.append(name, value);
    // An empty choice of files is sent as one file without a name.
    else if (value.name !== "" || value.size > 0) files.push(value);
  }
  return { fields, files };
}

async function parse(bytes: Uint8Array, type: string): Promise<FormData> {
  try {
    return await new Response(Buffer.from(bytes), { headers: { "content-type": type } }).formData();
  } catch {
    throw new FormRefusal(400, "This form is broken. Open the page again and send it from there.");
  }
}
