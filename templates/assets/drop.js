// Files get in by being dropped anywhere on a page, or picked in the form, which then sends
// itself.

import { droppedFiles, pickedFiles } from "./entries.js";
import { upload, wouldLose } from "./upload.js";

export function acceptFiles() {
  acceptDrops();
  acceptPicks();
  addEventListener("beforeunload", (event) => {
    if (wouldLose()) event.preventDefault();
  });
}

function acceptDrops() {
  const veil = document.createElement("div");
  veil.className = "drop";
  veil.hidden = true;
  document.body.append(veil);
  // Entering a child fires before leaving its parent: the veil goes with the last one left.
  let depth = 0;
  const hide = () => {
    depth = 0;
    veil.hidden = true;
  };
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    depth += 1;
    veil.textContent = document.body.dataset.uploads ? "Drop to send" : `Drop to store in ${folder() || "the library"}`;
    veil.hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (holdsFiles(event) && --depth <= 0) hide();
  });
  addEventListener("dragover", (event) => {
    if (holdsFiles(event)) event.preventDefault();
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) upload(droppedFiles(event.clipboardData), folder());
  });
  addEventListener("drop", (event) => {
    hide();
    if (!holdsFiles(event)) return;
    event.preventDefault();
    upload(droppedFiles(event.dataTransfer), folder());
  });
}

/** Opens the file picker, on any page. */
export function pick() {
  const form = document.querySelector("#upload input[type=file]");
  if (form) {
    form.click();
    return;
  }
  const input = Object.assign(document.createElement("input"), { type: "file", multiple: true });
  input.addEventListener("change", () => upload([...pickedFiles(input)], folder()));
  input.click();
}

// Listened for above the form, which goes and comes with its page.
function acceptPicks() {
  document.addEventListener("change", ({ target }) => {
    if (!target.matches("#upload input[type=file]")) return;
    upload([...pickedFiles(target)], folder());
    target.value = "";
  });
  // Without files there is nothing to send: Enter in the folder field stays here.
  document.addEventListener("submit", (event) => {
    if (event.target.id === "upload") event.preventDefault();
  });
}

// The form's field, where there is one, may have been edited.
function folder() {
  const field = document.querySelector("#upload [name=folder]");
  return field ? field.value : document.body.dataset.folder;
}

function holdsFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}
