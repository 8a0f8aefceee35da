// What is going on, pushed by the server over one stream a page: what changed, and how far
// search has come. A page that nobody sees closes it, unless something is waited for: browsers
// allow few connections, and other pages need them.

import { base } from "./base.js";

// The pause before it is tried again doubles while there is no stream to be had: whoever was signed
// out meanwhile must not ask all day.
const BACK_MS = 2000;
const LONGEST_BACK_MS = 30000;
const waiting = [];
const listeners = new Set();
let stream;
let last = "";
let through = 0;
let timer = 0;
let back = BACK_MS;

/** `listen` is called with the changes since the last call, or null if there were too many, and
    with whether search has come further. */
export function onChanges(listen) {
  listeners.add(listen);
  open();
}

/** Calls `found` once search has come so far. */
export function whenSearchable(id, sequence, found) {
  if (sequence <= through) {
    found();
    return;
  }
  waiting.push({ sequence, found });
  open();
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) open();
  else if (!waiting.length) close();
});
addEventListener("pagehide", close);
addEventListener("pageshow", open);

function open() {
  clearTimeout(timer);
  if (stream || (document.hidden && !waiting.length) || "deaf" in document.body.dataset) return;
  stream = new EventSource(`${base}/api/v1/events${last && `?after=${last}`}`);
  stream.addEventListener("message", hear);
  stream.addEventListener("error", () => {
    // It comes back by itself after a cut, but not after an answer that is no stream.
    if (stream?.readyState !== EventSource.CLOSED) return;
    close();
    timer = setTimeout(open, back);
    back = Math.min(back * 2, LONGEST_BACK_MS);
  });
}

function close() {
  stream?.close();
  stream = null;
}

function hear({ data, lastEventId }) {
  back = BACK_MS;
  last = lastEventId;
  const { changes, missed, searchable } = JSON.parse(data);
  const isIndexed = searchable > through;
  through = searchable;
  for (let at = waiting.length - 1; at >= 0; at -= 1) {
    if (waiting[at].sequence <= through) waiting.splice(at, 1)[0].found();
  }
  if (!missed && !changes.length && !isIndexed) return;
  for (const listen of listeners) listen(missed ? null : changes, isIndexed);
}
