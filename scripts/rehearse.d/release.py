"""One release: an image, the commands of its Procfile, the checks and scripts of its app.json."""

import http.client
import json
import shlex
import time
from dataclasses import dataclass, field

# What every web container gets, and what the platform's check does where app.json names none.
PORT = 5000
UPTIME_SECONDS = 10
HOST = "rehearsal.example"


@dataclass
class Release:
    name: str
    image: str
    web: list
    release: str | None
    predeploy: str | None
    postdeploy: str | None
    checks: list = field(default_factory=list)


def read(name, image, directory):
    processes = {}
    for line in (directory / "Procfile").read_text().splitlines():
        process, colon, command = line.partition(":")
        if colon and not line.startswith("#"):
            processes[process.strip()] = command.strip()
    if "web" not in processes:
        raise ValueError(f"{directory}/Procfile names no web process")
    described = directory / "app.json"
    app = json.loads(described.read_text()) if described.is_file() else {}
    scripts = app.get("scripts", {}).get("dokku", {})
    checks = [Check(check) for check in app.get("healthchecks", {}).get("web", []) if check.get("type") == "startup"]
    return Release(
        name,
        image,
        shlex.split(processes["web"]),
        processes.get("release"),
        scripts.get("predeploy"),
        scripts.get("postdeploy"),
        checks or [Check({"uptime": UPTIME_SECONDS, "attempts": 1})],
    )


class Check:
    """One startup check: a path that must answer 2xx, or a time that the container must live."""

    def __init__(self, described):
        self.path = described.get("path")
        self.uptime = described.get("uptime")
        if self.path is None and self.uptime is None:
            raise ValueError(f"the healthcheck {described.get('name', described)!r} has neither path nor uptime; only these are rehearsed")
        self.port = described.get("port", PORT)
        self.content = described.get("content")
        self.headers = {header["name"]: header["value"] for header in described.get("httpHeaders", [])}
        self.delay = described.get("initialDelay", 0)
        self.attempts = described.get("attempts", 3)
        self.timeout = described.get("timeout", 5)
        self.wait = described.get("wait", 5)

    def passes(self, container, attempts=None):
        """Asks as often as app.json says, or `attempts` times."""
        time.sleep(self.delay)
        for attempt in range(attempts or self.attempts):
            if attempt > 0:
                time.sleep(self.wait)
            if self.lives(container) if self.path is None else self.answers(container):
                return True
        return False

    def lives(self, container):
        time.sleep(self.uptime)
        state = container.state()
        return state["Running"] and not state["Restarting"]

    def answers(self, container):
        address = container.address()
        if not address:
            return False
        connection = http.client.HTTPConnection(address, self.port, timeout=self.timeout)
        try:
            connection.request("GET", self.path, headers={"Host": HOST, **self.headers})
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
            return 200 <= answer.status < 300 and (self.content is None or self.content in body)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
