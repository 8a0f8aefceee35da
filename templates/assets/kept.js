// Uploads that outlive their page. What is queued or on its way is kept in the browser's own
// database: with its file, so that the next page goes on by itself, or, where a file cannot be
// kept, by its name and with what the server already has of it, so that whoever chooses it again
// goes on there.
//
// An upload: { key, path, folder, door, ifPresent, isUnasked, size, lastModified, url, paused, file,
// handle }, of which `door` is the address of a link, if it is by one that it is sent, `url` is known once the server is, `handle` reads the file or a dropped folder
// around it, and `isUnasked` is true until it is known whether the name is taken.

import { Trouble } from "./tus.js";

// As long as a server keeps them, unless it is told otherwise.
const KEPT_MS = 48 * 3600 * 1000;
// What is over sooner costs nothing.
const WRITTEN_AFTER_MS = 1000;
const WRITTEN_TOGETHER = 200;
// Without a handle the browser copies the bytes.
const MOST_BYTES = 64 << 20;
const MOST_BYTES_TOGETHER = 256 << 20;
// Pages that live say so within this time.
const ANSWERED_MS = 500;
const RENEWED_MS = 3600 * 1000;

/** The file can be read again if the person at the browser allows it. */
export class NeedsLeave extends Error {}

/** A name that no other upload has. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// A page is somebody new each time it is loaded, so a tab that was duplicated is no other one.
const me = newKey();
const living = new Set([me]);
const pages = new BroadcastChannel("wharfside.pages");
pages.addEventListener("message", ({ data: { from, asks } }) => {
  living.add(from);
  if (asks) pages.postMessage({ from: me });
});

const database = new Promise((opened) => {
  const asked = indexedDB.open("wharfside.uploads", 1);
  asked.onupgradeneeded = () => {
    for (const name of ["uploads", "sources"]) asked.result.createObjectStore(name);
  };
  asked.onsuccess = () => opened(asked.result);
  asked.onerror = () => opened(null);
}).catch(() => null);

// Uploads that are to be written for the first time, with their files as far as there is room.
const fresh = new Map();
// What is in the database, by key, and the keys of those whose file is there, too.
const known = new Map();
const kept = new Set();
// What is to change of those: records by their keys, and null for what is over.
const changed = new Map();
let bytesTogether = 0;
let writing = 0;
let isChanging = false;

// What takes days is as new as the page that sends it.
setInterval(() => {
  for (const upload of known.values()) if (upload.file || kept.has(upload.key)) note(upload);
}, RENEWED_MS);

/** Keeps an upload that is queued now; each ends with `forget`. */
export function keep(upload) {
  if (known.has(upload.key)) return;
  upload.isHandle = Boolean(upload.handle);
  upload.isSourced = upload.isHandle || takesRoom(upload.file);
  fresh.set(upload.key, upload);
  writing ||= setTimeout(write, WRITTEN_AFTER_MS);
}

/** Says that an upload has got its `url`, is `paused` or not any more, or was asked about. */
export function note(upload) {
  if (fresh.has(upload.key)) {
    if (upload.isSourced) return;
    // Half a file on the server is worth a line at once.
    fresh.delete(upload.key);
  }
  change(upload.key, upload);
  known.set(upload.key, upload);
}

export function forget(upload) {
  if (upload.isSourced && !upload.isHandle) bytesTogether -= upload.size;
  upload.isSourced = false;
  fresh.delete(upload.key);
  kept.delete(upload.key);
  if (known.delete(upload.key)) change(upload.key, null);
}

/** Whether the next page would go on with it as it is now. */
export function isKept({ key }) {
  return kept.has(key) && !changed.has(key);
}

/** The uploads of pages that are gone; from now on they are this page's. */
export async function takeOver() {
  const found = [];
  try {
    if (await inOne((uploads) => uploads.count()) === 0) return found;
    pages.postMessage({ from: me, asks: true });
    await new Promise((done) => setTimeout(done, ANSWERED_MS));
    await inOne((uploads, sources) => {
      uploads.getAll().onsuccess = ({ target }) => {
        for (const upload of target.result) {
          if (upload.owner === me) continue;
          const isOver = Date.now() - upload.at > KEPT_MS;
          if (!isOver && upload.isSourced && !upload.isHandle) bytesTogether += upload.size;
          if (living.has(upload.owner)) continue;
          if (isOver) {
            uploads.delete(upload.key);
            sources.delete(upload.key);
          } else {
            found.push(upload);
            uploads.put({ ...upload, owner: me, at: upload.isSourced ? Date.now() : upload.at }, upload.key);
          }
        }
      };
    });
  } catch {
    // A browser that keeps nothing has nothing to go on with.
    return [];
  }
  for (const upload of found) {
    known.set(upload.key, upload);
    if (upload.isSourced) kept.add(upload.key);
  }
  return found.sort((a, b) => a.at - b.at);
}

/** The file of an upload that was taken over. */
export async function open(upload) {
  let { handle } = upload;
  let file;
  try {
    const source = handle ?? await inOne((_, sources) => sources.get(upload.key));
    if (upload.isHandle) handle = upload.handle = source;
    if (handle && await handle.queryPermission({ mode: "read" }) !== "granted") throw new NeedsLeave();
    file = handle ? await read(handle, upload.path) : source;
  } catch (cause) {
    throw cause instanceof NeedsLeave ? cause : new Trouble(400, "The browser cannot read it any more; it may have been moved or removed.");
  }
  if (file.size === upload.size && file.lastModified === upload.lastModified) return file;
  throw new Trouble(400, "It was changed since; choose it again to send it as it is now.");
}

async function read(handle, path) {
  let at = handle;
  if (at.kind === "directory") {
    const [, ...names] = path.split("/");
    const last = names.pop();
    for (const name of names) at = await at.getDirectoryHandle(name);
    at = await at.getFileHandle(last);
  }
  return at.getFile();
}

function takesRoom(file) {
  if (!file || file.size > MOST_BYTES || bytesTogether + file.size > MOST_BYTES_TOGETHER) return false;
  bytesTogether += file.size;
  return true;
}

async function write() {
  // From the far end, where the sender comes last, and no more than half the time.
  while (fresh.size) {
    const began = performance.now();
    await put([...fresh.values()].slice(-WRITTEN_TOGETHER));
    await new Promise((done) => setTimeout(done, performance.now() - began));
  }
  writing = 0;
}

async function put(batch) {
  for (const upload of batch) {
    const { key } = upload;
    fresh.delete(key);
    known.set(key, upload);
  }
  try {
    await inOne((uploads, sources) => {
      for (const upload of batch) {
        uploads.put(record(upload), upload.key);
        if (upload.isSourced) sources.put(upload.handle ?? upload.file, upload.key);
      }
    });
    for (const { key, isSourced } of batch) if (isSourced && known.has(key)) kept.add(key);
  } catch {
    // One file that cannot be kept takes its batch with it.
    for (const upload of batch.filter(({ key }) => known.has(key))) {
      if (batch.length > 1) {
        await put([upload]);
      } else if (upload.isSourced) {
        forget(upload);
        note(upload);
      }
    }
  }
}

function record({ key, path, folder, door, ifPresent, isUnasked, size, lastModified, url, paused, isSourced, isHandle }) {
  return { key, path, folder, door, ifPresent, isUnasked, size, lastModified, url, paused, isSourced, isHandle, at: Date.now(), owner: me };
}

async function change(key, upload) {
  changed.set(key, upload && record(upload));
  if (isChanging) return;
  isChanging = true;
  // What changes at once is written at once, and what changes meanwhile is written after that.
  await database;
  while (changed.size) {
    const now = [...changed];
    await inOne((uploads, sources) => {
      for (const [key, upload] of now) {
        if (upload) {
          uploads.put(upload, key);
        } else {
          uploads.delete(key);
          sources.delete(key);
        }
      }
    }).catch(() => {});
    for (const [key, upload] of now) if (changed.get(key) === upload) changed.delete(key);
  }
  isChanging = false;
}

// One transaction; answers what its last request did, once all of it is written.
async function inOne(work) {
  const stores = await database;
  return new Promise((done, failed) => {
    const both = stores.transaction(["uploads", "sources"], "readwrite");
    both.onabort = () => failed(both.error);
    const last = work(both.objectStore("uploads"), both.objectStore("sources"));
    both.oncomplete = () => done(last?.result);
  });
}
