/** What is used of jmap-jam: its own types are sources with enums, which are not erasable. */
interface Email {
  blobId: string;
  subject: string;
  from: { name: string; email: string }[];
  threadId: string;
  inReplyTo: string[] | null;
}
type Answer<T> = Promise<[T, unknown]>;
export default class JamClient {
  constructor(options: { bearerToken: string; sessionUrl: string });
  getPrimaryAccount(): Promise<string>;
  readonly api: {
    readonly Mailbox: {
      query(args: { accountId: string; filter: { role: string } }): Answer<{ ids: string[] }>;
    };
    readonly Email: {
      query(args: { accountId: string; filter: { inMailbox: string } }): Answer<{ ids: string[] }>;
      get(args: { accountId: string; ids: string[]; properties: (keyof Email)[] }): Answer<{ list: Email[] }>;
    };
  };
  downloadBlob(blob: {
    accountId: string;
    blobId: string;
    mimeType: string;
    fileName: string;
  }): Promise<Response>;
}
