"""What goes on while a release is replaced: many small requests, and their outcome; and single requests."""

import http.client
import json
import os
import random
import signal
import subprocess
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# Just below what nginx lets through by default.
LARGEST = "900kB"
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


def noise(size):
    return random.Random(size).randbytes(size)


def put(address, port, path, content):
    """Stores something without nginx and its limit in between."""
    return request(address, port, "PUT", path, content)[0]


def get(url, path):
    return request(urlsplit(url).hostname, urlsplit(url).port, "GET", path)


def ask(url, path, question):
    """Posts a JSON value; the one that is answered."""
    content = json.dumps(question).encode()
    status, body = request(urlsplit(url).hostname, urlsplit(url).port, "POST", path, content, {"Content-Type": "application/json"})
    if status != 200:
        raise RuntimeError(f"{path} was answered {status}: {body.decode(errors='replace')[:200]}")
    return json.loads(body)


def request(host, port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
