// The list of uploads in the corner: what is on its way, what is stored, what can be found.

// Older rows make room: thousands of files may be dropped at once, and the heading counts them.
const ROWS = 100;

const counts = { known: 0, stored: 0, searchable: 0, failed: 0 };
let tray;
let heading;
let spoken;
let rows;
let announcing = 0;

/** A row for one upload; its methods say how far it has come. */
export function addRow(path) {
  build();
  counts.known += 1;
  const row = element("li");
  const name = element("bdi", "", path);
  const progress = element("progress");
  progress.max = 1;
  progress.value = 0;
  progress.setAttribute("aria-label", `Sending ${path}`);
  const state = element("span", "state", "waiting");
  row.append(name, progress, state);
  rows.prepend(row);
  trim();
  announce();
  return {
    sent(share) {
      progress.value = share;
      state.textContent = share < 1 ? `sending, ${Math.floor(share * 100)} %` : "making it durable";
    },
    stored(receipt) {
      counts.stored += 1;
      progress.remove();
      const link = element("a", "", path);
      link.href = `/files/${receipt.id}`;
      name.replaceChildren(link);
      const digest = element("code", "", `${receipt.sha256.slice(0, 12)}…`);
      digest.title = `SHA-256 ${receipt.sha256}`;
      const durable = element("span", "mark good", "stored ");
      durable.append(digest);
      const search = element("span", "search", "searchable in a moment");
      state.replaceChildren(element("br"), durable, search);
      announce();
    },
    searchable() {
      counts.searchable += 1;
      row.dataset.over = "";
      state.querySelector(".search").replaceWith(element("span", "mark good", "searchable"));
      announce();
    },
    failed(reason, retry) {
      counts.failed += 1;
      progress.remove();
      state.replaceChildren(element("br"), element("span", "mark bad", "not stored"), reason, " ");
      const again = element("button", "copy", "Try again");
      again.type = "button";
      again.addEventListener("click", () => {
        counts.failed -= 1;
        counts.known -= 1;
        row.remove();
        retry();
      });
      state.append(again);
      announce();
    },
  };
}

function build() {
  if (!tray) {
    tray = element("section", "tray");
    tray.setAttribute("aria-label", "Uploads");
    const head = element("header");
    heading = element("p");
    spoken = element("p", "unseen");
    spoken.setAttribute("role", "status");
    const close = element("button", "copy", "Close");
    close.type = "button";
    close.addEventListener("click", () => { tray.hidden = true; });
    head.append(heading, spoken, close);
    rows = element("ul");
    rows.tabIndex = 0;
    rows.setAttribute("aria-label", "Files");
    tray.append(head, rows);
    document.body.append(tray);
  }
  tray.hidden = false;
}

function trim() {
  const over = rows.querySelectorAll("[data-over]");
  for (let spare = rows.childElementCount - ROWS, at = over.length - 1; spare > 0 && at >= 0; spare -= 1, at -= 1) {
    over[at].remove();
  }
}

// Seen at once; spoken at most once a second, or a screen reader would never end a sentence.
function announce() {
  heading.textContent = summary();
  announcing ||= setTimeout(() => {
    announcing = 0;
    spoken.textContent = summary();
  }, 1000);
}

function summary() {
  const { known, stored, searchable, failed } = counts;
  const lost = failed ? `, ${failed} not stored` : "";
  if (stored + failed < known) return `${stored} of ${known} stored${lost}`;
  if (searchable < stored) return `${stored} stored, ${searchable} searchable${lost}`;
  return `${stored} stored and searchable${lost}`;
}

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
