// The thread in which HTML mail is cleaned: a stranger's page must neither hold the daemon up nor share its memory.
import { answerWork } from "../../message/answer-work.ts";
import { htmlToText } from "../../message/html-to-text.ts";
import { cleanHtml } from "./clean-html.ts";
import type { HtmlWork } from "./html-cleaner.ts";

answerWork((work: HtmlWork) => (work.kind === "text" ? htmlToText(work.html) : cleanHtml(work)));
