// Going from page to page without leaving: links and forms of our own are fetched, and what is
// between the head and the foot is exchanged. So uploads go on while people look around. What
// cannot be done this way is left to the browser.

import { base, within } from "./base.js";

const shown = new Set();
let going;

/** `prepare` is called for the page that is there, and for each that takes its place. */
export function onShow(prepare) {
  shown.add(prepare);
  prepare(document.getElementById("main"));
}

export function followLinks() {
  history.scrollRestoration = "manual";
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || !isPage(link.href)) return;
    if (link.hash && samePage(link.href)) return;
    event.preventDefault();
    visit(link.href);
  });
  addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const form = event.target;
    const action = event.submitter?.getAttribute("formaction") ? event.submitter.formAction : form.action;
    if (!isPage(action) || form.enctype === "multipart/form-data") return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form, event.submitter));
    if (form.method === "post") visit(action, { method: "POST", body: fields });
    else visit(`${action}?${fields}`);
  });
  addEventListener("scrollend", () => history.replaceState({ at: scrollY }, ""));
  addEventListener("popstate", ({ state }) => visit(location.href, { state: state ?? {} }));
}

/** Shows another page; `state` is what the history knows of it, if it was shown before. */
export async function visit(url, { method = "GET", body, state } = {}) {
  going?.abort();
  going = new AbortController();
  const main = document.getElementById("main");
  main.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { method, body, headers: { accept: "text/html" }, signal: going.signal });
    const page = await parsed(answer);
    if (!page) throw new TypeError("no page");
    // A change that was refused shows its page in place of the one it came from.
    const { hash } = new URL(url, location.href);
    const address = method === "GET" || answer.redirected ? answer.url + hash : undefined;
    if (!state && samePage(answer.url)) history.replaceState({ at: 0 }, "", answer.redirected || hash ? address : undefined);
    else if (!state) history.pushState({ at: 0 }, "", address);
    show(page, state?.at ?? 0);
    // A part of the page was asked for.
    if (!state && hash) document.getElementById(decodeURIComponent(hash.slice(1)))?.scrollIntoView();
  } catch (failure) {
    if (failure.name === "AbortError") return;
    main.removeAttribute("aria-busy");
    // The browser's own way, with its own words for what is wrong; a form is not sent twice.
    if (method === "GET") location.assign(url);
    else say("The server cannot be reached just now. Nothing was changed; try again in a moment.");
  }
}

/**
 * Shows what `url` answers while somebody types, under `address`: the head of the page, where they
 * type, stays as it is. Answers whether it was shown; a later one, or a visit, takes its place.
 */
export async function glance(url, address, isNew) {
  going?.abort();
  const mine = going = new AbortController();
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" }, signal: mine.signal });
    const page = answer.ok && await parsed(answer);
    if (!page || mine.signal.aborted) return false;
    if (isNew) history.pushState({ at: 0 }, "", address);
    else history.replaceState({ at: 0 }, "", address);
    lay(page, 0);
    return true;
  } catch {
    // Whoever presses Enter is told what is wrong.
    return false;
  }
}

/** The page at an address, or nothing if there is something else.
    @throws if there is no answer, or a proxy's instead of ours */
export async function read(url) {
  const answer = await fetch(url, { headers: { accept: "text/html" } });
  if (answer.status >= 500) throw new TypeError("no answer of the app");
  return parsed(answer);
}

async function parsed(answer) {
  if (!answer.headers.get("content-type")?.startsWith("text/html")) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.getElementById("main") && page;
}

function show(page, at) {
  document.getElementById("q").value = page.getElementById("q")?.value ?? "";
  const fresh = lay(page, at);
  (fresh.querySelector("[autofocus]") ?? fresh).focus({ preventScroll: true });
}

function lay(page, at) {
  const main = document.getElementById("main");
  const fresh = document.adoptNode(page.getElementById("main"));
  document.title = page.title;
  document.body.dataset.folder = page.body.dataset.folder ?? "";
  exchange(page, "header nav");
  exchange(page, "#within");
  keepOpen(main, fresh);
  main.replaceWith(fresh);
  for (const prepare of shown) prepare(fresh);
  scrollTo(0, at);
  return fresh;
}

// What was unfolded stays so where the next page has it, too.
export function keepOpen(main, fresh) {
  for (const open of main.querySelectorAll("details[data-keep][open]")) {
    const same = fresh.querySelector(`details[data-keep="${open.dataset.keep}"]`);
    if (same) same.open = true;
  }
}

function exchange(page, css) {
  const fresh = page.querySelector(css);
  if (fresh) document.querySelector(css)?.replaceWith(document.adoptNode(fresh));
}

function say(sentence) {
  const notice = document.createElement("p");
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  notice.textContent = sentence;
  document.getElementById("main").prepend(notice);
}

function isPage(address) {
  const { origin, pathname } = new URL(address, location.href);
  return origin === location.origin && (!base || pathname.startsWith(`${base}/`)) && /^\/($|browse\/|files\/|folders\/|search$|searches|selection|trash$|persistence$)/.test(within(pathname));
}

function samePage(address) {
  const { pathname, search } = new URL(address, location.href);
  return pathname === location.pathname && search === location.search;
}
