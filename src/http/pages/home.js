// The home page: who I am, my buckets, their prefixes and objects. Where one is stands in the address, so every
// place can be linked, opened beside another and reached by "back". Text from logs is only ever text content.

const API = "/api/v1";
const SHOWN_BYTES = 256 * 1024;
const PAGE_SIZE = 200;

const view = document.getElementById("view");
const status = document.getElementById("status");

/** Makes an element; strings among the children become text. */
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** An answer that is no success, as the API explains it. */
class Problem extends Error {
  constructor(status, body) {
    super(body.title ?? `The server answered ${status}`);
    this.status = status;
    this.body = body;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Problem(0, { title: "The server cannot be reached", hint: "Check the connection and try again." });
  }
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => ({})));
  return response;
}

const read = async (path) => (await call(API + path)).json();
const place = (parameters) => "/?" + new URLSearchParams(parameters);
const bucketPath = (bucket) => `/buckets/${encodeURIComponent(bucket)}`;

// The form with the key as a parameter carries every key: browsers rewrite `..` in a path.
const objectPath = (bucket, parameters) => `${API}${bucketPath(bucket)}/object?${new URLSearchParams(parameters)}`;

function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let number = bytes, unit = 0;
  while (number >= 1024 && unit < units.length - 1) { number /= 1024; unit += 1; }
  return `${unit === 0 || number >= 100 ? Math.round(number) : number.toFixed(1)} ${units[unit]}`;
}

const moment = (text) => text ? text.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC") : "";

/** Shows a page's content and says to a screen reader where it is. */
function show(title, ...children) {
  document.title = `${title} · Logboom`;
  const heading = el("h1", { tabindex: "-1" }, title);
  view.replaceChildren(heading, ...children);
  status.textContent = "";
  heading.focus({ preventScroll: true });
}

function problemBox(problem) {
  const { title, detail, hint, reasons, request_id: id } = problem.body ?? {};
  const box = el("section", { class: "notice problem", role: "alert" }, el("h2", {}, title ?? problem.message));
  for (const text of [detail, hint]) if (text) box.append(el("p", {}, text));
  if (reasons?.length) box.append(el("p", {}, `Decided by: ${reasons.join(", ")}`));
  if (problem.status === 401) {
    const back = location.pathname + location.search;
    box.append(el("p", {}, el("a", { class: "button", href: "/auth/login?" + new URLSearchParams({ return_to: back }) }, "Sign in")));
  }
  if (id) box.append(el("p", { class: "quiet" }, "Request ", el("code", {}, id)));
  return box;
}

function table(caption, heads, rows) {
  const head = el("tr", {}, ...heads.map(([text, kind]) => el("th", { scope: "col", class: kind ?? "" }, text)));
  return el("div", { class: "scroll" },
    el("table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...rows)));
}

function showPerson(session) {
  const groups = session.groups.length ? session.groups.join(", ") : "no groups";
  const out = el("button", { type: "button" }, "Sign out");
  out.addEventListener("click", () => signOut(out));
  document.getElementById("who").replaceChildren(
    el("strong", {}, session.name || session.subject),
    el("span", {}, `${groups} · cleared for ${session.clearance}`),
    out);
}

async function signOut(button) {
  button.disabled = true;
  try {
    const answer = await call("/auth/logout", { method: "POST", headers: { "X-Logboom-CSRF": "1" } });
    const { end_session_url: next } = await answer.json().catch(() => ({}));
    location.assign(next ?? "/");
  } catch (problem) {
    button.disabled = false;
    view.prepend(problemBox(problem));
  }
}

async function showBuckets() {
  const { buckets } = await read("/buckets");
  if (!buckets.length) {
    show("Buckets", el("p", { class: "notice" },
      "There is no bucket that you may see. Ask a bucket's owner for access, or sign in as somebody else."));
    return;
  }
  const rows = buckets.map((bucket) => el("tr", {},
    el("th", { scope: "row", class: "key" }, el("a", { href: place({ bucket: bucket.id }) }, bucket.id)),
    el("td", {}, bucket.region ? `${bucket.provider}, ${bucket.region}` : bucket.provider),
    el("td", {}, el("span", { class: "label" }, bucket.label)),
    el("td", {}, bucket.actions.join(", ") || "nothing"),
    el("td", { class: "hide-narrow" }, bucket.owner)));
  const heads = [["Bucket"], ["Provider"], ["Label"], ["You may, somewhere in it"], ["Owner", "hide-narrow"]];
  show("Buckets", table("The buckets that you may see", heads, rows));
}

/** The way from the bucket down to a prefix, or to the prefix that holds a key. */
function crumbs(bucket, text) {
  const link = (name, target) => el("li", {}, el("a", { href: place(target) }, name || "(empty)"));
  const steps = [el("li", {}, el("a", { href: "/" }, "Buckets")), link(bucket, { bucket })];
  let prefix = "";
  for (const part of text.match(/[^/]*\//g) ?? []) {
    prefix += part;
    const name = part.slice(0, -1);
    if (prefix === text) steps.push(el("li", { "aria-current": "page" }, name || "(empty)"));
    else steps.push(link(name, { bucket, prefix }));
  }
  return el("nav", { class: "crumbs", "aria-label": "Where you are" }, el("ol", {}, ...steps));
}

/** How much there is: "1 prefix, 12 objects". */
function counted(folders, objects) {
  const words = [];
  if (folders) words.push(folders === 1 ? "1 prefix" : `${folders} prefixes`);
  if (objects) words.push(objects === 1 ? "1 object" : `${objects} objects`);
  return words.join(", ");
}

async function showListing(bucket, prefix, pageToken) {
  const query = new URLSearchParams({ prefix, delimiter: "/", limit: PAGE_SIZE });
  if (pageToken) query.set("page_token", pageToken);
  const list = await read(`${bucketPath(bucket)}/objects?${query}`);
  const rest = (key) => key.slice(prefix.length) || "(empty)";
  const folders = list.prefixes.map((folder) => el("tr", {},
    el("th", { scope: "row", class: "key" }, el("a", { href: place({ bucket, prefix: folder }) }, rest(folder))),
    el("td", { class: "number" }), el("td", { class: "hide-narrow" }), el("td")));
  const objects = list.objects.map((object) => objectRow(bucket, object, rest(object.key)));
  const rows = [...folders, ...objects];
  const children = [crumbs(bucket, prefix)];
  if (rows.length) {
    const heads = [["Name"], ["Size", "number"], ["Last written", "hide-narrow"], [""]];
    const more = list.next_page_token ? ", and there are more" : "";
    children.push(table(counted(folders.length, objects.length) + more, heads, rows));
  } else {
    children.push(el("p", { class: "notice" }, "Nothing here, or nothing that you may list."));
  }
  if (list.next_page_token) {
    const next = place({ bucket, prefix, page_token: list.next_page_token });
    children.push(el("p", {}, el("a", { class: "button", href: next }, "Next page")));
  }
  show(bucket, ...children);
}

function objectRow(bucket, object, name) {
  const open = object.archived
    ? el("span", { class: "quiet" }, `archived${object.storage_class ? ` (${object.storage_class})` : ""}`)
    : el("a", { href: objectPath(bucket, { key: object.key, download: "true" }), "aria-label": `Download ${name}` }, "Download");
  const title = object.archived ? name : el("a", { href: place({ bucket, key: object.key }) }, name);
  return el("tr", {},
    el("th", { scope: "row", class: "key" }, title),
    el("td", { class: "number" }, size(object.size)),
    el("td", { class: "time hide-narrow" }, moment(object.last_modified)),
    el("td", {}, open));
}

/** Reads the beginning of a body as text; the rest is left at the server. */
async function beginning(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "", bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), whole: true };
    const fits = value.subarray(0, SHOWN_BYTES - bytes);
    text += decoder.decode(fits, { stream: true });
    bytes += fits.length;
    if (bytes >= SHOWN_BYTES) {
      await reader.cancel();
      return { text, whole: false };
    }
  }
}

/** Whether the caller may hand on links to objects of the bucket; a directory has no links of its own. */
const linkable = (bucket) => bucket.provider !== "file" && bucket.actions.includes("CreateLink");

function linkButton(bucket, key) {
  const button = el("button", { type: "button" }, "Get a link");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const headers = { "Content-Type": "application/json", "X-Logboom-CSRF": "1" };
      const body = JSON.stringify({ key });
      const link = await (await call(`${API}${bucketPath(bucket)}/links`, { method: "POST", headers, body })).json();
      const field = el("input", { type: "text", readonly: "", value: link.url, "aria-label": "Link" });
      const until = el("span", { class: "quiet" }, `Whoever has it can read the object until ${moment(link.expires_at)}.`);
      button.replaceWith(field, until);
      field.select();
    } catch (problem) {
      button.replaceWith(problemBox(problem));
    }
  });
  return button;
}

async function showObject(bucket, key) {
  const about = read(bucketPath(bucket));
  // Awaited below; a refusal of both is told once.
  about.catch(() => {});
  const response = await call(objectPath(bucket, { key, decode: "true" }));
  const written = response.headers.get("Last-Modified");
  const { text, whole } = await beginning(response);
  const log = el("pre", { class: "log", tabindex: "0", "aria-label": "Content" });
  log.textContent = text;
  const wrap = el("button", { type: "button", "aria-pressed": "false" }, "Wrap lines");
  wrap.addEventListener("click", () => {
    wrap.setAttribute("aria-pressed", String(log.classList.toggle("wrapped")));
  });
  const tools = el("div", { class: "tools" },
    el("a", { class: "button", href: objectPath(bucket, { key, download: "true" }) }, "Download as stored"), wrap);
  if (linkable(await about)) tools.append(linkButton(bucket, key));
  const shown = whole ? "the whole object, decompressed" : `the first ${size(SHOWN_BYTES)}, decompressed`;
  const facts = el("dl", { class: "facts" }, el("dt", {}, "Shown"), el("dd", {}, shown));
  if (written) facts.append(el("dt", {}, "Last written"), el("dd", {}, written));
  show(key.split("/").at(-1) || key, crumbs(bucket, key), facts, tools, log);
}

async function start() {
  const here = new URLSearchParams(location.search);
  const [bucket, key] = [here.get("bucket"), here.get("key")];
  // Said only when it takes a while, so that a fast answer does not flicker.
  const slow = setTimeout(() => { status.textContent = "Loading…"; }, 150);
  try {
    const content = bucket && key !== null ? showObject(bucket, key)
      : bucket ? showListing(bucket, here.get("prefix") ?? "", here.get("page_token"))
      : showBuckets();
    await Promise.all([read("/session").then(showPerson), content]);
  } catch (problem) {
    const where = bucket ? [crumbs(bucket, key ?? here.get("prefix") ?? "")] : [];
    show("This did not work", ...where, problemBox(problem));
  } finally {
    clearTimeout(slow);
    status.textContent = "";
  }
}

await start();
