// What every page gains from a script. Each part leaves the page as it was if it has no use.

import { base } from "./base.js";
import { layBlocks, refresh } from "./blocks.js";
import { chooseRows, tell } from "./choose.js";
import { addCopyButtons } from "./copy.js";
import { acceptFiles } from "./drop.js";
import { mendFaces } from "./faces.js";
import { findAsTyped } from "./find.js";
import { takeKeys } from "./keys.js";
import { refreshParts } from "./parts.js";
import { usePasskeys } from "./passkey.js";
import { onChanges, whenSearchable } from "./searchable.js";
import { followLinks, onShow } from "./visit.js";

// Many changes in a row are shown together.
const TOGETHER_MS = 400;
// What could not be asked for is asked for again.
const AGAIN_MS = 2000;
let refreshing = 0;
let isStale = false;

followLinks();
chooseRows();
takeKeys();
findAsTyped();
acceptFiles();
onShow((main) => {
  layBlocks(main);
  mendFaces(main);
  usePasskeys(main);
  tell();
  prepare();
});
onChanges((changes, isIndexed) => {
  if (changes?.length === 0 && !(isIndexed && live()?.dataset.live === "search")) return;
  if (changes?.length && !changes.some(isHere)) return;
  // What comes while a look is under way may have come too late for it.
  isStale = true;
  refreshing ||= setTimeout(lookAgain, TOGETHER_MS);
});

async function lookAgain() {
  isStale = false;
  const isSeen = await (live() ? refreshParts() : refresh());
  tell();
  prepare();
  if (!isSeen) refreshing = setTimeout(lookAgain, AGAIN_MS);
  else refreshing = isStale ? setTimeout(lookAgain, TOGETHER_MS) : 0;
}

function prepare() {
  addCopyButtons();
  for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin + base;
  for (const state of document.querySelectorAll("[data-searchable]")) {
    whenSearchable(0, Number(state.dataset.searchable), () => {
      state.className = "mark good";
      state.textContent = "yes";
      refreshing ||= setTimeout(lookAgain, 0);
    });
    delete state.dataset.searchable;
  }
}

function live() {
  return document.querySelector("[data-live]");
}

function isHere(change) {
  const { live: kind, file } = live()?.dataset ?? {};
  if (kind === "search") return true;
  return file ? String(change.id) === file : isBelow(change);
}

// Folders show what lies below them, so whatever is deeper counts as well.
function isBelow({ path, left }) {
  const folder = document.body.dataset.folder;
  const within = (other) => !folder || other === folder || other.startsWith(`${folder}/`);
  return within(path) || left !== null && within(left);
}
