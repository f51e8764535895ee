import type { Context } from "hono";
import type { HttpEnv } from "../../../../http/request-context.ts";
import { FormRefusal, readForm, refuseOtherOrigins } from "../../../../pages/form-post.ts";
import { formatBlobId } from "../../jmap/ids.ts";
import { storeUpload, UploadRefusedError } from "../../jmap/store-upload.ts";
import type { MailContext } from "../../mail-context.ts";
import { type ArrivingFile, type MultipartForm, readMultipart } from "./read-multipart.ts";
import { type Attachment, type Draft, nameOf, readDraft } from "./draft.ts";

/** A sent form: what was written, and which button was pressed. */
export interface ComposeForm {
  readonly draft: Draft;
  readonly act: string;
  /** Which form it is: however often it comes, it sends one message. */
  readonly form: string;
  readonly next: string | null;
}

/** Bytes of a form without files. */
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
    : await readWithFiles(mail, c, account);
  const removed = new Set(fields.getAll("remove"));
  const draft = readDraft(fields);
  const kept = draft.attachments.filter(({ blobId }) => !removed.has(blobId));
  return {
    draft: { ...draft, attachments: [...kept, ...files] },
    act: fields.get("act") ?? "save",
    form: (fields.get("form") ?? "").slice(0, 64),
    next: fields.get("next"),
  };
}

async function readWithFiles(
  mail: MailContext,
  c: Context<HttpEnv>,
  account: number,
): Promise<MultipartForm<Attachment>> {
  refuseOtherOrigins(c);
  if (!/^multipart\/form-data\b/i.test(c.req.header("content-type") ?? ""))
    throw new FormRefusal(
      415,
      "This is not a form of this site. Open the page again and send it from there.",
    );
  return await readMultipart(c.req.raw, (file) => keep(mail, account, file));
}

async function keep(mail: MailContext, account: number, file: ArrivingFile): Promise<Attachment> {
  const type = /^[\w.+-]{1,60}\/[\w.+-]{1,60}$/.test(file.type) ? file.type : "application/octet-stream";
  try {
    const { hash, size } = await storeUpload(mail, account, file.bytes, { type });
    return { blobId: formatBlobId({ hash, partId: undefined }), name: nameOf(file.name), type, size };
  } catch (error) {
    if (error instanceof UploadRefusedError) throw new FormRefusal(413, error.message);
    throw error;
  }
}
