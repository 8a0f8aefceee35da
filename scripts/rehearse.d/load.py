"""What goes on while a release is replaced: many small requests, a slow upload, a slow download; and their outcome."""

import hashlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Just below what nginx lets through by default.
LARGEST = "900kB"
SLOW_UPLOAD_BYTES = 900_000
SLOW_DOWNLOAD_BYTES = 24_000_000
# A slow transfer takes at most this share of its bytes before it is told to come to an end.
SLOWLY = 0.9
PIECES_PER_SECOND = 5
# Most seconds that a load may take to check everything once it is told to stop.
CHECKING = 180


@dataclass
class Outcome:
    """What a load met; `failed` has the times of single failures, as far as it tells them."""

    well: bool
    requests: int | None = None
    failures: int | None = None
    longest_ms: int | None = None
    stalled: str | None = None
    lost: list = field(default_factory=list)
    failed: list = field(default_factory=list)
    said: str = ""


def outcome(code, printed, said):
    """Reads a load's last line, if it is the JSON object that `smoke watch --json` prints."""
    found = Outcome(well=code == 0, said=said.strip()[-1000:])
    lines = printed.strip().splitlines()
    try:
        told = json.loads(lines[-1])
        found.requests, found.failures = told.get("requests"), told.get("failures")
        found.longest_ms, found.stalled = told.get("longest_ms"), told.get("longest")
        found.lost, found.failed = told.get("lost", []), told.get("failed", [])
    except (IndexError, ValueError, AttributeError):
        pass
    return found


class SmokeWatch:
    """`wharfside smoke watch` out of the image itself.

    It reconnects, because nginx closes idle connections when it is reloaded: a request that is on its way at that
    instant is cut off, whatever is behind nginx. Browsers make it again unasked; the watch makes each only once.
    """

    def __init__(self, engine, image, url):
        words = ["wharfside", "smoke", "watch", url, "--json", "--reconnect", "--largest", LARGEST]
        self.container = engine.run("watch", image, words, "--network", "host")

    def alive(self):
        return self.container.running()

    def stop(self):
        self.container.signal("TERM")
        code = self.container.wait(CHECKING)
        done = subprocess.run(["docker", "logs", self.container.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return outcome(code, done.stdout, done.stderr)


class OwnLoad:
    """A command of the reader's. It alone is told to stop: what it started may be a request under way."""

    def __init__(self, command, url, directory):
        self.printed = directory / "load.out"
        with open(self.printed, "w") as out:
            self.process = subprocess.Popen(
                ["sh", "-c", f"exec {command}"], env={**os.environ, "URL": url}, stdin=subprocess.DEVNULL, stdout=out, start_new_session=True
            )

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.alive():
            self.process.terminate()
        try:
            code = self.process.wait(CHECKING)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            code = self.process.wait()
        return outcome(code, self.printed.read_text(), "")


def smoke(engine, image, verb, url, *more, receipts=None):
    """`wharfside smoke put` or `verify`; exit code, what it printed and what it said."""
    words = ["docker", "run", "--rm", "--interactive", "--init", "--label", engine.label, "--network", "host", image]
    return piped([*words, "wharfside", "smoke", verb, url, *more], receipts)


def own(command, url, receipts=None):
    return piped(["sh", "-c", command], receipts, {**os.environ, "URL": url})


def piped(words, given, environment=None):
    done = subprocess.run(words, input=given or "", env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout, done.stderr


class Slow(threading.Thread):
    """A transfer that dawdles until it is told to come to an end. `problem` says what went wrong, if anything."""

    def __init__(self, url, path, content):
        super().__init__(daemon=True)
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port
        self.path = path
        self.content = content
        self.problem = None
        self.began = time.monotonic()
        self.ending = threading.Event()

    def run(self):
        try:
            self.problem = self.transfer()
        except (OSError, http.client.HTTPException) as error:
            self.problem = f"the {self.kind} broke off: {error!r}"

    def end(self):
        """Lets it come to its end; gives what went wrong."""
        self.ending.set()
        self.join(CHECKING)
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
            if got < SLOWLY * len(self.content):
                self.ending.wait(1 / PIECES_PER_SECOND)
            else:
                self.ending.wait()
        connection.close()
        if digest.digest() != hashlib.sha256(self.content).digest():
            return f"the {self.kind} gave other bytes than were stored ({got} of {len(self.content)})"
        return None


def noise(size):
    return random.Random(size).randbytes(size)


def put(address, port, path, content):
    """Stores something without nginx and its limit in between."""
    return request(address, port, "PUT", path, content)[0]


def get(url, path):
    return request(urlsplit(url).hostname, urlsplit(url).port, "GET", path)


def request(host, port, method, path, body=None):
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
