// The thread in which HTML mail is cleaned: a stranger's page must neither hold the daemon up nor share its memory.
import { answerWork } from "../../message/answer-work.ts";
import { cleanHtml } from "./clean-html.ts";

answerWork(cleanHtml);
