// Carrying one file to the server, through whatever happens on the way: it waits, asks where the
// upload stands, and goes on from there, until the file is stored or there is no point in trying.

import { base } from "./base.js";
import { forget, keep, newKey, note } from "./kept.js";
import { pieceSize, wasLost, wasRefused, wentWell } from "./pieces.js";
import { sha256 } from "./sha256.js";
import { create, look, patch, Trouble } from "./tus.js";

const LONGEST_WAIT_MS = 10_000;

/** Thrown out of a transfer that was paused or cancelled. */
export class Stopped extends Error {}

/** An upload, as kept.js tells it, with its file. */
export class Transfer {
  constructor(item, hooks) {
    Object.assign(this, { item, hooks, file: item.file });
    this.offset = 0;
    this.tries = 0;
  }

  /** Answers the receipt; throws a Trouble that does not pass, or Stopped. */
  async run() {
    this.stop = new AbortController();
    for (;;) {
      try {
        return await this.attempt();
      } catch (failure) {
        if (this.stop.signal.aborted) throw new Stopped();
        if (!(failure instanceof Trouble)) throw unreadable(failure);
        if (failure.isGone && this.item.url) this.beginAgain();
        else if (!failure.passes) throw failure;
        await this.rest(failure);
      }
    }
  }

  /** Keeps what was sent; `run` goes on from there. */
  pause() {
    this.stop.abort();
  }

  async attempt() {
    if (this.item.url) {
      const { offset, receipt } = await look(this.item.url, this.watch());
      if (receipt) return receipt;
      this.offset = offset;
    } else {
      const begun = await this.begin();
      if (begun.receipt) return begun.receipt;
    }
    while (this.offset < this.file.size) await this.sendPiece();
    const { receipt } = await look(this.item.url, this.watch());
    if (!receipt) throw new Trouble(0, "The server has all of it, but has not stored it yet.");
    return receipt;
  }

  async begin() {
    const { file, item: { key, path, folder, ifPresent, door = `${base}/uploads` } } = this;
    const metadata = { filename: path, key, ifPresent };
    if (folder) metadata.folder = folder;
    const whole = file.size > 0 && file.size <= pieceSize();
    const body = whole ? await file.arrayBuffer() : null;
    const begun = await this.sized(file.size, whole, async () =>
      create(door, metadata, file.size, body, whole && await sha256(body), this.watch(0)));
    this.item.url = begun.url;
    this.offset = begun.offset;
    if (!begun.receipt) note(this.item);
    return begun;
  }

  async sendPiece() {
    const { offset, item } = this;
    const body = await this.file.slice(offset, offset + pieceSize()).arrayBuffer();
    const began = performance.now();
    this.offset = await this.sized(body.byteLength, true, async () =>
      patch(item.url, offset, body, await sha256(body), this.watch(offset)));
    this.tries = 0;
    wentWell(body.byteLength, performance.now() - began);
    this.hooks.sent(this.offset);
  }

  // What a request's fate says about the size of pieces.
  async sized(bytes, carries, send) {
    try {
      return await send();
    } catch (failure) {
      // Whoever pauses says nothing about the line.
      if (this.stop.signal.aborted) throw failure;
      if (carries && failure.status === 413 && !failure.isOurs && bytes > 64 << 10 && bytes <= this.file.size) {
        wasRefused(bytes);
        throw new Trouble(0, "A proxy refused so large a piece; smaller ones follow.", 0.01);
      }
      if (carries && (failure.status === 0 || failure.status === 504 || failure.status === 408)) wasLost(bytes);
      throw failure;
    }
  }

  beginAgain() {
    forget(this.item);
    Object.assign(this.item, { url: null, key: newKey() });
    keep(this.item);
    this.offset = 0;
  }

  // Longer each time, at random, so that many do not come back at once; not beyond the moment in
  // which the network is there again.
  rest({ message, after }) {
    const longest = Math.min(LONGEST_WAIT_MS, 250 * 2 ** this.tries);
    this.tries += 1;
    const wait = after ? after * 1000 : longest * (0.5 + Math.random() / 2);
    if (wait > 1000) this.hooks.waiting(message);
    return new Promise((done) => {
      const timer = setTimeout(done, wait);
      const now = () => {
        clearTimeout(timer);
        done();
      };
      addEventListener("online", now, { once: true });
      this.stop.signal.addEventListener("abort", now, { once: true });
    }).then(() => {
      if (this.stop.signal.aborted) throw new Stopped();
    });
  }

  watch(from) {
    const { hooks } = this;
    const sent = from === undefined ? undefined : (bytes) => hooks.sent(Math.min(from + bytes, this.file.size));
    return { sent, signal: this.stop.signal };
  }
}

function unreadable(cause) {
  return new Trouble(400, "The browser could not read it; it may have been changed or removed.", 0, { cause });
}
