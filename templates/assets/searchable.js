// What is going on, pushed by the server over one stream a page: what changed, and how far
// search has come. A page that nobody sees closes it, unless something is waited for: browsers
// allow few connections, and other pages need them.

const BACK_MS = 2000;
const waiting = [];
const listeners = new Set();
let stream;
let last = "";
let through = 0;
let timer = 0;

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
  if (stream || (document.hidden && !waiting.length)) return;
  stream = new EventSource(`/api/v1/events${last && `?after=${last}`}`);
  stream.addEventListener("message", hear);
  stream.addEventListener("error", () => {
    // It comes back by itself after a cut, but not after an answer that is no stream.
    if (stream?.readyState !== EventSource.CLOSED) return;
    close();
    timer = setTimeout(open, BACK_MS);
  });
}

function close() {
  stream?.close();
  stream = null;
}

function hear({ data, lastEventId }) {
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
