// A look at a file without leaving the list: what its own page shows of it.

import { base } from "./base.js";
import { read } from "./visit.js";

/** Shows the file of a row; answers whether there is one. */
export function peek(row) {
  if (row.dataset.folder !== undefined) return false;
  const link = row.querySelector(".name a");
  const dialog = document.createElement("dialog");
  dialog.className = "peek";
  dialog.setAttribute("aria-label", `Preview of ${link.textContent}`);
  const title = Object.assign(document.createElement("h2"), { textContent: link.textContent });
  const place = Object.assign(document.createElement("div"), { className: "place", textContent: "Loading…" });
  const acts = document.createElement("p");
  const close = Object.assign(document.createElement("button"), { textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  acts.append(button("Open", link.href), " ", button("Download", `${base}/download/${row.dataset.row}`, true), " ", close);
  dialog.append(title, place, acts);
  dialog.addEventListener("close", () => {
    dialog.remove();
    link.focus({ preventScroll: true });
  });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === " " && !event.target.matches("button, a, pre, video, audio")) {
      event.preventDefault();
      dialog.close();
    }
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("a")) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
  fill(place, row.dataset.row);
  return true;
}

// What the file's own page shows of it.
async function fill(place, id) {
  try {
    const page = await read(`${base}/files/${id}`);
    const preview = page?.getElementById("preview");
    const isEmpty = !preview?.querySelector("img, audio, video, iframe, .said");
    if (isEmpty) place.textContent = "There is no preview of this file; open or download it.";
    else place.replaceChildren(...document.adoptNode(preview).childNodes);
  } catch {
    place.textContent = "The preview cannot be loaded just now.";
  }
}

function button(label, href, isDownload) {
  const made = Object.assign(document.createElement("a"), { className: "button", textContent: label, href });
  if (isDownload) made.download = "";
  return made;
}
