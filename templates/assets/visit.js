// Going from page to page without leaving: links and forms of our own are fetched, and what is
// between the head and the foot is exchanged. So uploads go on while people look around. What
// cannot be done this way is left to the browser.

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
    if (!state && samePage(answer.url)) history.replaceState({ at: 0 }, "", answer.redirected ? answer.url : undefined);
    else if (!state) history.pushState({ at: 0 }, "", method === "GET" || answer.redirected ? answer.url : undefined);
    show(page, state?.at ?? 0);
  } catch (failure) {
    if (failure.name === "AbortError") return;
    main.removeAttribute("aria-busy");
    // The browser's own way, with its own words for what is wrong; a form is not sent twice.
    if (method === "GET") location.assign(url);
    else say("The server cannot be reached just now. Nothing was changed; try again in a moment.");
  }
}

/** The page at an address, or nothing if there is something else. */
export async function read(url) {
  return parsed(await fetch(url, { headers: { accept: "text/html" } }));
}

async function parsed(answer) {
  if (!answer.headers.get("content-type")?.startsWith("text/html")) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.getElementById("main") && page;
}

function show(page, at) {
  const main = document.getElementById("main");
  const fresh = document.adoptNode(page.getElementById("main"));
  document.title = page.title;
  document.body.dataset.folder = page.body.dataset.folder ?? "";
  exchange(page, "header nav");
  document.getElementById("q").value = page.getElementById("q")?.value ?? "";
  main.replaceWith(fresh);
  for (const prepare of shown) prepare(fresh);
  (fresh.querySelector("[autofocus]") ?? fresh).focus({ preventScroll: true });
  scrollTo(0, at);
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
  return origin === location.origin && /^\/($|browse\/|files\/|folders\/|search$|selection|trash$|persistence$)/.test(pathname);
}

function samePage(address) {
  const { pathname, search } = new URL(address, location.href);
  return pathname === location.pathname && search === location.search;
}
