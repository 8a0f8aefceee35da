// Sending files: several at a time, each for itself, so that each has its own progress, its own
// receipt, and a failure costs nothing but itself.

import { pieceSize } from "./pieces.js";
import { whenSearchable } from "./searchable.js";
import { Stopped, Transfer } from "./transfer.js";
import { addRow, ask, onPauseAll } from "./tray.js";

const AT_ONCE = 5;
// Large files take turns, or none of them would be done soon.
const LARGE_AT_ONCE = 2;
// Names that are asked about together.
const LOOKED_UP = 200;

const queue = [];
const running = new Set();
let asking = 0;
let paused = false;
let ended = () => {};

/** `then` is called whenever nothing is left to send. */
export function whenAllSent(then) {
  ended = then;
}

/** Sends every { file, path } of a sequence into a folder. */
export async function upload(files, folder) {
  let batch = [];
  for await (const { file, path } of files) {
    batch.push({ file, path, folder, ifPresent: "version" });
    if (batch.length === LOOKED_UP) {
      await admit(batch, folder);
      batch = [];
    }
  }
  if (batch.length) await admit(batch, folder);
}

/** Whether something would be lost if the page went. */
export function isSending() {
  return running.size > 0 || queue.length > 0 || asking > 0;
}

onPauseAll((now) => {
  paused = now;
  if (paused) for (const { transfer } of running) transfer?.pause();
  else start();
});

// Names that are taken wait for a decision; all others are on their way meanwhile.
async function admit(batch, folder) {
  asking += 1;
  const taken = await takenAmong(batch, folder);
  const inTheWay = batch.filter(({ path }) => taken.has(path.normalize("NFC")));
  const free = batch.filter((item) => !inTheWay.includes(item));
  enqueue(free);
  if (inTheWay.length === 0) {
    asking -= 1;
    return;
  }
  ask(inTheWay, (item, ifPresent) => {
    if (ifPresent !== "skip") enqueue([{ ...item, ifPresent }]);
  }, () => { asking -= 1; });
}

async function takenAmong(batch, folder) {
  try {
    const answer = await fetch("/api/v1/entries/lookup", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({ folder, paths: batch.map(({ path }) => path) }),
    });
    const { present } = await answer.json();
    const prefix = folder ? folder.replace(/\/$/, "").length + 1 : 0;
    return new Set(present.map(({ path }) => path.slice(prefix)));
  } catch {
    // Unknown: a taken name gets a new version, which loses nothing.
    return new Set();
  }
}

function enqueue(items) {
  for (const item of items) {
    const job = { item };
    job.row = addRow(item.path, item.file?.size ?? 0, {
      pause: () => pause(job),
      resume: () => again(job),
      cancel: () => cancel(job),
    });
    queue.push(job);
  }
  start();
}

function start() {
  while (!paused && running.size < AT_ONCE) {
    const large = [...running].filter(isLarge).length;
    const at = queue.findIndex((job) => large < LARGE_AT_ONCE || !isLarge(job));
    if (at < 0) return;
    const [job] = queue.splice(at, 1);
    running.add(job);
    send(job).finally(() => {
      running.delete(job);
      start();
      if (!isSending()) ended();
    });
  }
}

function isLarge({ item }) {
  return item.file?.size > pieceSize();
}

async function send(job) {
  const { item, row } = job;
  if (!item.file) {
    row.failed("The browser could not read it.");
    return;
  }
  job.transfer ??= new Transfer(item, row);
  try {
    const receipt = await job.transfer.run();
    row.stored(receipt);
    whenSearchable(receipt.id, receipt.sequence, row.searchable);
  } catch (failure) {
    if (job.cancelled) return;
    if (!(failure instanceof Stopped)) row.failed(failure.message);
    else if (paused) queue.unshift(job);
    else row.paused();
  }
}

function pause(job) {
  if (running.has(job)) {
    job.transfer?.pause();
    return;
  }
  remove(job);
  job.row.paused();
}

function again(job) {
  queue.push(job);
  start();
}

function cancel(job) {
  job.cancelled = true;
  job.transfer?.cancel();
  remove(job);
}

function remove(job) {
  const at = queue.indexOf(job);
  if (at >= 0) queue.splice(at, 1);
}
