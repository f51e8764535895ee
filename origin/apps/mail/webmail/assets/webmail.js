// The pages work without this. It adds keys, lists that follow what arrives, drafts that are kept while one writes, and
// uploads that show how far they are.

followZone();
offerKeys();
offerAll();
followChanges();
const form = document.getElementById("compose");
if (form) keepDraft(form);

/** The server cannot know in which time zone its reader is. */
function followZone() {
  const shown = document.querySelector('meta[name="burrow-zone"]')?.content;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!here || here === shown || sessionStorage.getItem("zone") === here) return;
  sessionStorage.setItem("zone", here);
  document.cookie = `burrow-zone=${encodeURIComponent(here)}; Path=/; Max-Age=31536000; Secure; SameSite=Lax`;
  if (!document.getElementById("compose")) location.reload();
}

function offerKeys() {
  addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (key === "Enter" && (event.ctrlKey || event.metaKey) && form?.contains(target)) {
      event.preventDefault();
      form.querySelector('button[value="send"]').click();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches?.("textarea, select, input:not([type=checkbox])")) {
      if (key === "Escape") target.blur();
      return;
    }
    if (press(key)) event.preventDefault();
  });
}

/** Whether the key means something here. */
function press(key) {
  if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
  if (key === "o") return follow(currentLine()?.querySelector("a"));
  if (key === "x") return follow(currentLine()?.querySelector("input"));
  const meant = [...document.querySelectorAll("[data-key]")].filter((one) => one.dataset.key === key);
  const shown = meant.filter((one) => one.checkVisibility());
  // Of several messages that are open the newest is meant.
  const found = key === "r" || key === "a" || key === "f" ? shown.at(-1) : shown[0];
  if (!found) return false;
  if (found.matches("input")) {
    found.focus();
    found.select();
    return true;
  }
  if (found.closest(".tools")) choose();
  return follow(found);
}

function follow(element) {
  element?.click();
  return Boolean(element);
}

/** Where nothing is ticked, the line that one is on is meant. */
function choose() {
  const rows = document.getElementById("rows");
  if (!rows || rows.querySelector(":checked")) return;
  const box = currentLine()?.querySelector("input");
  if (box) box.checked = true;
}

/** One tick for all lines of the page. */
function offerAll() {
  const box = document.querySelector("[data-all]");
  if (!box || !document.querySelector("#rows > li")) return;
  box.parentElement.hidden = false;
  box.addEventListener("change", () => {
    for (const one of document.querySelectorAll("#rows input")) one.checked = box.checked;
  });
}

function lines() {
  return [...document.querySelectorAll("#rows > li, .thread > .message")];
}

function currentLine() {
  return document.activeElement?.closest("#rows > li, .thread > .message");
}

function step(by) {
  const all = lines();
  if (all.length === 0) return false;
  const at = all.indexOf(currentLine());
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  next.querySelector("a, summary").focus();
  next.scrollIntoView({ block: "nearest" });
  return true;
}

/** A list is fetched anew when the server says that something in it may have changed; nothing is asked in turns. */
function followChanges() {
  const isList = document.querySelector("form.list:not(.thread-tools), .empty");
  if (!isList && !document.getElementById("boxes")) return;
  let due = false;
  let running = false;
  let opened = false;
  const refresh = async () => {
    if (document.hidden || running) {
      due = true;
      return;
    }
    due = false;
    running = true;
    try {
      await replaceLists();
    } catch {
      // Offline, or signed out: the next change tries again.
    }
    running = false;
    if (due) void refresh();
  };
  const events = new EventSource(
    "/jmap/eventsource?types=Email,Mailbox,EmailSubmission&closeafter=no&ping=60",
  );
  events.addEventListener("state", () => void refresh());
  events.addEventListener("open", () => {
    // What happened while nobody listened was told to nobody.
    if (opened) void refresh();
    opened = true;
    document.documentElement.dataset.live = "yes";
  });
  addEventListener("visibilitychange", () => {
    if (due && !document.hidden) void refresh();
  });
  addEventListener("pagehide", () => events.close());
}

async function replaceLists() {
  const isThread = document.querySelector(".thread-tools") !== null;
  const address = isThread || form ? "/folders" : location.href;
  const answer = await fetch(address, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  swap("boxes", fresh);
  if (isThread || form) return;
  document.title = fresh.title;
  const had = document.getElementById("rows");
  const has = fresh.getElementById("rows");
  // From an empty list to one with lines: the form around them comes or goes.
  if (had?.matches("ul") !== has?.matches("ul")) {
    (had.closest("form") ?? had).replaceWith(has.closest("form") ?? has);
  } else swap("rows", fresh);
  swap("pager", fresh);
}

function swap(id, fresh) {
  const [old, young] = [document.getElementById(id), fresh.getElementById(id)];
  if (!old || !young || old.innerHTML === young.innerHTML) return;
  const ticked = [...old.querySelectorAll("input:checked")].map(({ value }) => value);
  const row = old.contains(document.activeElement) ? document.activeElement.closest("[id]")?.id : undefined;
  const current =
    young.id === "boxes" ? old.querySelector("[aria-current]")?.getAttribute("href") : undefined;
  old.replaceChildren(...young.childNodes);
  for (const input of old.querySelectorAll("input")) if (ticked.includes(input.value)) input.checked = true;
  if (row) document.getElementById(row)?.querySelector("a")?.focus();
  if (current) old.querySelector(`a[href="${CSS.escape(current)}"]`)?.setAttribute("aria-current", "page");
}

/** Drafts: kept a moment after one stops typing, and when the tab is left. */
function keepDraft(compose) {
  const saved = document.getElementById("saved");
  const files = document.getElementById("files");
  let changed = false;
  let saving;
  let timer;
  let leaving = false;
  let waiting = false;

  const touch = () => {
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(() => void save(), 1500);
  };
  const fieldsOf = () => {
    const fields = new URLSearchParams();
    for (const [name, value] of new FormData(compose))
      if (typeof value === "string") fields.append(name, value);
    return fields;
  };

  async function save(keepalive = false) {
    clearTimeout(timer);
    if (saving) await saving;
    if (!changed || leaving) return;
    changed = false;
    saving = send(keepalive);
    await saving;
    saving = undefined;
  }

  async function send(keepalive) {
    try {
      const answer = await fetch(compose.dataset.draft, { method: "POST", body: fieldsOf(), keepalive });
      if (!answer.ok) throw new Error(String(answer.status));
      const { draft, attachments } = await answer.json();
      compose.elements.draft.value = draft;
      const hidden = [...compose.querySelectorAll('input[name="attachment"]')];
      for (const [index, attachment] of attachments.entries())
        if (hidden[index]) hidden[index].value = JSON.stringify(attachment);
      history.replaceState(
        null,
        "",
        `/compose?draft=${draft}&next=${encodeURIComponent(compose.elements.next.value)}`,
      );
      saved.textContent = "Draft saved";
    } catch {
      changed = true;
      saved.textContent = "Not saved: are you offline, or signed out? It is tried again when you write on.";
    }
  }

  compose.addEventListener("input", (event) => {
    if (event.target !== files) touch();
  });
  addEventListener("visibilitychange", () => {
    if (document.hidden && changed) void save(true);
  });
  // Before the form hears of it: a press that has to wait is none yet.
  addEventListener("submit", waitForSaving, { capture: true });

  function waitForSaving(event) {
    if (event.target !== compose || leaving) return;
    event.preventDefault();
    event.stopPropagation();
    if (!waiting) void leave(event.submitter);
  }

  async function leave(button) {
    waiting = true;
    // What is being kept names the draft that this replaces.
    clearTimeout(timer);
    await Promise.all([saving, ...uploads]);
    const problem = await findProblem();
    waiting = false;
    if (problem) return warn(problem);
    leaving = true;
    compose.requestSubmit(button);
  }

  /** A form that leads to an error page takes what was written with it. */
  async function findProblem() {
    try {
      const { ok, status } = await fetch("/jmap/session", { cache: "no-store" });
      if (ok) return undefined;
      return status === 401
        ? "You are signed out. Sign in in another tab, then press the button again: what you wrote stays here."
        : "The server cannot take it just now. What you wrote stays here: try again in a while.";
    } catch {
      return "The server cannot be reached. What you wrote stays here: try again once you are online.";
    }
  }

  function warn(words) {
    const alert = compose.querySelector(".alert");
    alert.textContent = words;
    alert.hidden = false;
    alert.scrollIntoView({ block: "center" });
    changed = true;
  }

  const uploads = new Set();
  const list = document.getElementById("attachments");
  files.addEventListener("change", () => {
    for (const file of files.files) {
      const upload = attach(file).finally(() => uploads.delete(upload));
      uploads.add(upload);
    }
    // Sent by now, each by itself.
    files.value = "";
  });
  list.addEventListener("change", (event) => {
    if (event.target.name !== "remove") return;
    event.target.closest("li").remove();
    touch();
  });

  function attach(file) {
    const line = document.createElement("li");
    const label = document.createElement("span");
    const bar = document.createElement("progress");
    bar.max = 1;
    bar.setAttribute("aria-label", `Uploading ${file.name}`);
    label.textContent = `${file.name} `;
    line.append(label, bar);
    list.append(line);
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("POST", compose.dataset.upload);
      request.responseType = "json";
      if (file.type) request.setRequestHeader("content-type", file.type);
      request.upload.addEventListener("progress", ({ loaded, total }) => {
        if (total > 0) bar.value = loaded / total;
      });
      request.addEventListener("loadend", () => {
        bar.remove();
        if (request.status === 201) addAttachment(line, file, request.response);
        else
          label.textContent = `${file.name} could not be attached: ${request.response?.detail ?? "is the server away?"}`;
        resolve();
      });
      request.send(file);
    });
  }

  function addAttachment(line, file, { blobId, type, size }) {
    const hidden = document.createElement("input");
    Object.assign(hidden, { type: "hidden", name: "attachment" });
    hidden.value = JSON.stringify({ blobId, name: file.name, type, size });
    const remove = document.createElement("label");
    remove.className = "remove";
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", name: "remove", value: blobId });
    remove.append(box, " Leave out");
    line.append(hidden, remove);
    touch();
  }
}
