"""Transfers that last from before a release is replaced until after it was told to stop: one request up, one down, and a browser's."""

import hashlib
import http.client
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import browser

UPLOAD_BYTES = 900_000
DOWNLOAD_BYTES = 24_000_000
# At this pace it takes minutes, and each of its pieces some seconds.
BROWSER_UPLOAD_BYTES = 32 << 20
BROWSER_BYTES_PER_SECOND = 200_000
# What a browser begins with. Once more than that is on its way, the server has a piece.
FIRST_PIECE = 1 << 20
# A slow transfer takes at most this share of its bytes before it is told to come to an end.
SLOWLY = 0.9
PIECES_PER_SECOND = 5
# Most seconds that one may take to come to its end once it is told to.
ENDING = 180


class Slow(threading.Thread):
    """A transfer that dawdles until it is told to come to an end. `problem` says what went wrong, if anything."""

    def __init__(self, url, path, content):
        super().__init__(daemon=True)
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port
        self.path = path
        self.content = content
        self.problem = None
        # Seconds, once it is over.
        self.took = None
        self.on_its_way = threading.Event()
        self.ending = threading.Event()

    def begin(self):
        """Starts it; comes back once some of it went over, or it has failed."""
        self.start()
        while self.is_alive() and not self.on_its_way.wait(0.1):
            pass

    def run(self):
        began = time.monotonic()
        try:
            self.problem = self.transfer()
        except (OSError, http.client.HTTPException, browser.Failed) as error:
            self.problem = f"the {self.kind} broke off: {error!r}"
        finally:
            self.took = time.monotonic() - began

    def end(self):
        """Lets it come to its end; gives what went wrong."""
        self.ending.set()
        self.join(ENDING)
        return f"the {self.kind} does not end" if self.is_alive() else self.problem


class SlowUpload(Slow):
    kind = "slow upload"

    def transfer(self):
        connection = socket.create_connection((self.host, self.port), timeout=120)
        head = f"PUT {self.path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(self.content)}\r\n"
        connection.sendall(f"{head}Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n".encode())
        sent, piece = 0, 2_000
        while not self.ending.wait(1 / PIECES_PER_SECOND) and sent < SLOWLY * len(self.content):
            connection.sendall(self.content[sent : sent + piece])
            sent += piece
            self.on_its_way.set()
        self.ending.wait()
        connection.sendall(self.content[sent:])
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        body = answer.read()
        connection.close()
        if not 200 <= answer.status < 300:
            return f"the {self.kind} was answered {answer.status}"
        return self.compare(body)

    def compare(self, body):
        """A receipt must name what was sent; another app's answer is its own affair."""
        try:
            told = json.loads(body).get("sha256")
        except (ValueError, AttributeError):
            return None
        meant = hashlib.sha256(self.content).hexdigest()
        return None if told in (None, meant) else f"the {self.kind}'s receipt names other bytes"


class SlowDownload(Slow):
    kind = "slow download"

    def transfer(self):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        connection.request("GET", self.path)
        answer = connection.getresponse()
        if answer.status != 200:
            return f"the {self.kind} was answered {answer.status}"
        digest, got = hashlib.sha256(), 0
        while piece := answer.read(64 << 10):
            digest.update(piece)
            got += len(piece)
            self.on_its_way.set()
            if got < SLOWLY * len(self.content):
                self.ending.wait(1 / PIECES_PER_SECOND)
            else:
                self.ending.wait()
        connection.close()
        if digest.digest() != hashlib.sha256(self.content).digest():
            return f"the {self.kind} gave other bytes than were stored ({got} of {len(self.content)})"
        return None


class BrowserUpload(Slow):
    """A person's upload: chosen on the library page, sent in pieces on a slow line, and not touched again."""

    kind = "browser's upload"
    page = "/browse/rehearsal"

    def __init__(self, url, path, content, window, directory):
        super().__init__(url, path, content)
        self.url = url
        self.window = window
        self.file = directory / path.rsplit("/", 1)[1]
        self.file.write_bytes(content)

    def transfer(self):
        self.window.go(self.url + self.page)
        self.window.slow_down(BROWSER_BYTES_PER_SECOND)
        self.window.choose("input[type=file][multiple]", self.file)
        while not self.ending.wait(1 / PIECES_PER_SECOND):
            sent, told = self.look()
            if sent is None:
                return f"the {self.kind} was over before the old release had been told to stop: {told}"
            if sent > FIRST_PIECE:
                self.on_its_way.set()
        if not self.on_its_way.is_set():
            return f"of the {self.kind}, not one piece was stored before the old release was told to stop"
        self.window.slow_down(None)
        return self.finish()

    def look(self):
        """Bytes sent, or nothing once there is no more to send; and what its row in the tray says."""
        row = self.window.run("const row = document.querySelector('.tray li'); return row && [row.querySelector('progress')?.value, row.innerText]")
        return row or (0, "")

    def finish(self):
        """Nobody does anything: it has to come to its end by itself, and its row to say which bytes are stored."""
        deadline = time.monotonic() + ENDING
        while True:
            sent, told = self.look()
            if "not stored" in told or time.monotonic() > deadline:
                return f"the {self.kind} does not end by itself: its row says {told!r} after {sent} bytes"
            if sent is None and "stored" in told:
                break
            time.sleep(1 / PIECES_PER_SECOND)
        # The whole digest: what the summary shows of it is its beginning.
        shown = self.window.run("return document.querySelector('.tray li .digest > code').textContent")
        meant = hashlib.sha256(self.content).hexdigest()
        return None if shown == meant else f"the {self.kind} ended as {shown}, and its content is {meant}"
