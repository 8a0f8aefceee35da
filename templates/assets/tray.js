// The list of uploads in the corner: what is on its way, what is stored, what can be found.

import { base } from "./base.js";
import { copyButton } from "./copy.js";

// Thousands of files may be dropped at once, and a browser lays out all rows whenever one changes: those
// that wait are not in the list yet, older ones make room, and the heading counts all of them.
const ROWS = 100;

const counts = { known: 0, stored: 0, arrived: 0, searchable: 0, failed: 0, wanted: 0, still: 0, bytes: 0, sent: 0, stillBytes: 0 };
// Bytes that were sent by when, over the last seconds: the speed.
const pace = [];
const PACE_MS = 5000;
let tray;
let heading;
let spoken;
let overall;
let pauseAll;
let fold;
let close;
let questions;
let rows;
let announcing = 0;
let isPaused = false;
let tellPaused = () => {};

/** `tell` is called with true when everything is to pause, and false when it is to go on. */
export function onPauseAll(tell) {
  tellPaused = tell;
}

/** Everything is paused already. */
export function showPaused() {
  build();
  setPaused(true);
}

/** A row for one upload; its methods say how far it has come. `wishes`: pause, resume, cancel. */
export function addRow(path, size, wishes) {
  build();
  counts.known += 1;
  counts.bytes += size;
  let sent = 0;
  const row = element("li");
  const name = element("bdi", "", path);
  const progress = element("progress");
  progress.max = size || 1;
  progress.value = 0;
  progress.setAttribute("aria-label", `Sending ${path}`);
  const state = element("span", "state", "waiting");
  const pause = button("Pause", wishes.pause, `Pause ${path}`);
  const cancel = button("Cancel", () => {
    wishes.cancel();
    leave();
  }, `Cancel ${path}`);
  let go;
  let isFailed = false;
  let isWanted = false;
  // Bytes that do not go on by themselves; none while it does.
  let stillBytes = null;
  const acts = element("span", "acts");
  acts.append(pause, cancel);
  row.append(name, progress, state, acts);
  let isGone = false;
  let isShown = false;
  if (rows.childElementCount < ROWS) show();
  announce();

  // Something happens to it that is worth a row.
  function show() {
    if (isShown || isGone) return;
    isShown = true;
    rows.prepend(row);
    trim();
  }
  function count(sign) {
    counts.known += sign;
    counts.bytes += sign * size;
    counts.sent += sign * sent;
  }
  function want(now) {
    if (isWanted === now) return;
    isWanted = now;
    count(isWanted ? -1 : 1);
    counts.wanted += isWanted ? 1 : -1;
  }
  function still(now) {
    if (now === (stillBytes !== null)) return;
    counts.still += now ? 1 : -1;
    counts.stillBytes += now ? size - sent : -stillBytes;
    stillBytes = now ? size - sent : null;
  }
  function leave() {
    if (isGone) return;
    still(false);
    want(false);
    count(-1);
    if (isFailed) counts.failed -= 1;
    isGone = true;
    row.remove();
    announce();
  }
  function moved(bytes) {
    if (!isWanted) counts.sent += bytes - sent;
    sent = bytes;
    show();
    progress.value = bytes;
    announce();
  }
  function done() {
    still(false);
    want(false);
    moved(size);
    counts.stored += 1;
    row.dataset.over = "";
    progress.remove();
    acts.remove();
  }
  function percent() {
    return `${Math.floor((sent / size) * 100)} %`;
  }
  function goOn(label) {
    go = button(label, wishes.resume, `${label} ${path}`);
    pause.replaceWith(go);
  }

  return drawnLater({
    leave,
    queued() {
      still(false);
      if (isFailed) counts.failed -= 1;
      isFailed = false;
      go?.replaceWith(pause);
      state.textContent = "waiting";
      announce();
    },
    /** Nobody can go on with it but whoever has its file; it counts for nothing until then. */
    wanted(isBegun) {
      want(true);
      // Of thousands, some stand for all.
      if (rows.childElementCount < ROWS) show();
      state.textContent = isBegun ? `${percent()} there; choose this file again to go on` : "not sent yet; choose this file again";
      pause.remove();
      cancel.textContent = "Dismiss";
      cancel.setAttribute("aria-label", `Dismiss ${path}`);
      announce();
    },
    needsLeave() {
      show();
      still(true);
      state.textContent = "waiting for your permission to read it again";
      goOn("Go on");
    },
    sent(bytes) {
      moved(bytes);
      state.textContent = bytes < size ? `sending, ${percent()}` : "making it durable";
    },
    waiting(reason) {
      show();
      state.textContent = `${reason} It goes on by itself.`;
    },
    paused() {
      still(true);
      state.textContent = "paused";
      goOn("Resume");
    },
    /** By a link: where it lies is not for whoever sent it. */
    arrived(receipt) {
      done();
      counts.arrived += 1;
      state.replaceChildren(element("br"), element("span", "mark good", "arrived and stored"), digestOf(receipt, path));
    },
    stored(receipt) {
      done();
      const link = element("a", "", path);
      link.href = `${base}/files/${receipt.id}`;
      name.replaceChildren(link);
      const search = element("span", "search", "searchable in a moment");
      state.replaceChildren(element("br"), element("span", "mark good", "stored"), search, digestOf(receipt, path));
    },
    searchable() {
      counts.searchable += 1;
      state.querySelector(".search").replaceWith(element("span", "mark good", "searchable"));
      announce();
    },
    failed(reason, isFinal) {
      still(false);
      counts.failed += 1;
      isFailed = true;
      show();
      state.replaceChildren(element("br"), element("span", "mark bad", "not stored"), reason, " ");
      if (isFinal) pause.remove();
      else goOn("Try again");
      announce();
    },
  });
}

/** Says what becomes of files that an earlier page could neither send nor keep. */
export function offerAgain(number, dismissAll) {
  build();
  const box = element("li", "question");
  box.append(
    element("p", "", `${number} files were not sent when the page was left. Choose them, or their folder, again, and they go on.`),
    button("Dismiss all", () => {
      box.remove();
      dismissAll();
    }, "Dismiss all of these files"),
  );
  put(box);
}

/** Asks what becomes of files whose names are taken; `decide` is told for each, `over` at the end. */
export function ask(items, decide, over) {
  build();
  const box = element("li", "question");
  const all = element("p", "", items.length === 1 ? "This name is taken:" : `${items.length} names are taken. For all of them:`);
  const list = element("ul");
  let open = items.length;
  const settle = (item, place, choice) => {
    if (!place.isConnected) return;
    place.remove();
    decide(item, choice);
    open -= 1;
    if (open === 0) {
      box.remove();
      over();
      announce();
    }
  };
  const places = items.map((item) => {
    const place = element("li");
    place.append(element("bdi", "", item.path), " ", ...choices((choice) => settle(item, place, choice), item.path));
    return place;
  });
  // Each can be decided by itself as long as that is a list somebody reads.
  list.append(...places);
  box.append(all);
  if (items.length > 1) box.append(...choices((choice) => items.forEach((item, at) => settle(item, places[at], choice)), "all"));
  box.append(list);
  put(box);
}

function put(question) {
  questions.prepend(question);
  setFolded(false);
  announce();
}

function choices(choose, what) {
  return [["New version", "version"], ["Keep both", "keep-both"], ["Skip", "skip"]]
    .map(([label, choice]) => button(label, () => choose(choice), `${label}: ${what}`));
}

function build() {
  if (!tray) {
    tray = element("section", "tray");
    tray.setAttribute("aria-label", "Uploads");
    const head = element("header");
    heading = element("p");
    spoken = element("p", "unseen");
    spoken.setAttribute("role", "status");
    pauseAll = button("Pause all", () => {
      setPaused(!areAllPaused());
      tellPaused(isPaused);
      announce();
    }, "Pause all");
    fold = button("Hide", () => setFolded(!rows.hidden), "");
    close = button("Close", () => { tray.hidden = true; }, "Close the list of uploads");
    overall = element("progress");
    overall.setAttribute("aria-label", "All uploads");
    const acts = element("span", "acts");
    acts.append(pauseAll, fold, close);
    head.append(heading, spoken, acts);
    // In reach of the keyboard before all files; below them, where it does not move while they do.
    questions = element("ul", "questions");
    questions.setAttribute("aria-label", "Questions");
    questions.id = "questions";
    rows = element("ul");
    rows.id = "uploads";
    fold.setAttribute("aria-controls", `${questions.id} ${rows.id}`);
    rows.tabIndex = 0;
    rows.setAttribute("aria-label", "Files");
    tray.append(head, overall, questions, rows);
    document.body.append(tray);
    setFolded(false);
  }
  // Whoever hid the list is not shown it again by each file, but sees that there is one.
  if (tray.hidden) setFolded(false);
  tray.hidden = false;
}

function setFolded(isFolded) {
  rows.hidden = isFolded;
  questions.hidden = isFolded;
  fold.textContent = isFolded ? "Show" : "Hide";
  fold.setAttribute("aria-label", `${fold.textContent} the list of uploads`);
  fold.setAttribute("aria-expanded", String(!isFolded));
}

function setPaused(now) {
  isPaused = now;
  labelPause();
}

function labelPause() {
  pauseAll.textContent = areAllPaused() ? "Resume all" : "Pause all";
  pauseAll.setAttribute("aria-label", pauseAll.textContent);
}

// Also one by one.
function areAllPaused() {
  const { known, stored, failed, still } = counts;
  return isPaused || still > 0 && still === known - stored - failed;
}

function trim() {
  const over = rows.querySelectorAll(":scope > [data-over]");
  for (let spare = rows.childElementCount - ROWS, at = over.length - 1; spare > 0 && at >= 0; spare -= 1, at -= 1) {
    over[at].remove();
  }
}

// Rows change together, because each change costs a layout of the list.
const changes = [];
function drawnLater(row) {
  const later = (change) => (...told) => {
    changes.push(() => change(...told));
    announce();
  };
  return Object.fromEntries(Object.entries(row).map(([name, change]) => [name, later(change)]));
}

// Seen a few times a second, and spoken at most once: a screen reader would never end a sentence.
let drawing = 0;
function announce() {
  drawing ||= setTimeout(() => {
    drawing = 0;
    for (const change of changes.splice(0)) change();
    const { known, stored, failed, bytes, sent } = counts;
    const busy = stored + failed < known;
    labelPause();
    heading.textContent = summary();
    overall.hidden = !busy;
    pauseAll.hidden = !busy;
    // What goes on, or needs somebody, stays in sight.
    close.hidden = busy || failed > 0 || counts.wanted > 0 || areThereQuestions();
    overall.max = bytes || 1;
    overall.value = sent;
  }, 100);
  announcing ||= setTimeout(() => {
    announcing = 0;
    spoken.textContent = summary();
  }, 1000);
}

function areThereQuestions() {
  return questions.childElementCount > 0;
}

function summary() {
  const rest = progressOf();
  return areThereQuestions() ? `A decision is needed; ${rest}` : rest;
}

function progressOf() {
  const { known, stored, arrived, searchable, failed, wanted } = counts;
  const lost = (failed ? `, ${failed} not stored` : "") + (wanted ? `, ${wanted} to choose again` : "");
  if (known === 0 && wanted) return `${wanted} to choose again`;
  if (known === 0) return "nothing is on its way";
  if (stored + failed < known) return `${stored} of ${known} stored${lost}${areAllPaused() ? ", paused" : speed()}`;
  if (arrived > 0 && arrived === stored) return `${stored} arrived and stored${lost}`;
  if (searchable < stored - arrived) return `${stored} stored, ${searchable} searchable${lost}`;
  return `${stored} stored and searchable${lost}`;
}

function speed() {
  const now = performance.now();
  pace.push({ now, sent: counts.sent });
  while (pace.length > 2 && now - pace[0].now > PACE_MS) pace.shift();
  const rate = (counts.sent - pace[0].sent) / (now - pace[0].now) * 1000;
  if (!(rate > 0)) return "";
  return `, ${inBytes(rate)}/s, ${inTime((counts.bytes - counts.sent - counts.stillBytes) / rate)} left`;
}

function inBytes(bytes) {
  const units = ["B", "KB", "MB", "GB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) {
    bytes /= 1000;
    at += 1;
  }
  return `${bytes < 10 && at ? bytes.toFixed(1) : Math.round(bytes)} ${units[at]}`;
}

function inTime(seconds) {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

// Enough of it to compare by eye, and all of it for whoever unfolds it.
function digestOf({ sha256 }, path) {
  const place = element("details", "digest");
  const summary = element("summary");
  summary.append("SHA-256 ", element("code", "", `${sha256.slice(0, 12)}…`));
  place.append(summary, element("code", "", sha256), " ", copyButton(() => sha256, `Copy the SHA-256 of ${path}`));
  return place;
}

function button(label, act, name) {
  const made = element("button", "copy", label);
  made.type = "button";
  made.setAttribute("aria-label", name);
  made.addEventListener("click", act);
  return made;
}

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
