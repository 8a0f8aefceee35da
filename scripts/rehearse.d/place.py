"""One app on the platform: a directory that outlives releases, nginx in front, and the steps of a deploy."""

import subprocess
import time
from dataclasses import dataclass

import browser
import nginx
from release import PORT


@dataclass
class Patience:
    """Seconds from the first SIGTERM to the second, and from that to SIGKILL."""

    second: float
    kill: float


class Refused(Exception):
    """A deploy that the platform gave up: the step at which it did, and what the release had said."""

    def __init__(self, step, said):
        super().__init__(f"{step}: {said}")
        self.step = step
        self.said = said


@dataclass
class Left:
    """How an old container went: its exit code, when it was told to (ms), and how long it stayed (s)."""

    code: int
    told: float
    stayed: float
    killed: bool


class Place:
    def __init__(self, stage, name, environment=None, connect_seconds=nginx.CONNECT_SECONDS):
        self.engine = stage.engine
        self.chosen = stage.chosen
        # What the reader set wins over what a scenario would like.
        self.environment = {**(environment or {}), **stage.chosen.environment}
        self.directory = stage.work / name
        self.directory.mkdir()
        self.storage = self.directory / "storage"
        self.storage.mkdir()
        subprocess.run([*stage.as_root, "chown", stage.chosen.owner, str(self.storage)], check=True)
        self.nginx = nginx.Nginx(stage.nginx, self.directory / "nginx", connect_seconds)
        self.url = self.nginx.url
        # The containers that nginx sends requests to.
        self.serving = []
        self.windows = []

    def open_window(self):
        """A browser's, which is closed with the place."""
        self.windows.append(browser.Window(self.directory / f"window-{len(self.windows)}"))
        return self.windows[-1]

    def close(self):
        for window in self.windows:
            window.close()
        self.nginx.stop()
        self.engine.clear()

    def deploy(self, release, **how):
        """All the steps, one after the other; what a failing postdeploy script said."""
        old = self.serving
        new = self.launch(release, **how)
        self.switch(new)
        said = self.postdeploy(release, mounted=how.get("mounted", True))
        self.retire(old, Patience(60, 30))
        return said

    def launch(self, release, web=1, mounted=True, attempts=None, settings=None, web_settings=None):
        """Starts a release beside the one that serves and checks it; `web_settings` only the web processes get."""
        settings = settings or {}
        for step, command in (("predeploy", release.predeploy), ("release process", release.release)):
            self.task(step, release, command, mounted, settings)
        new = []
        for number in range(1, web + 1):
            container = self.start(release, number, mounted, {**settings, **(web_settings or {})})
            new.append(container)
            if not all(check.passes(container, attempts) for check in release.checks):
                said = last_words(container.log())
                for failed in new:
                    failed.remove()
                raise Refused("healthcheck", said)
        return new

    def start(self, release, number=1, mounted=True, settings=None):
        mine = {"PORT": PORT, "DYNO": f"web.{number}"}
        options = ["--restart", "on-failure:10", "--network", self.engine.network]
        return self.engine.run(
            f"{release.name}.web.{number}", release.image, release.web, *options, *self.options(release, mounted, {**(settings or {}), **mine})
        )

    def task(self, step, release, command, mounted=True, settings=None):
        """A one-off container, if there is such a command: with the mount, and with PORT set to nothing."""
        if command is None:
            return
        # By bash where the image has it.
        words = ["/bin/sh", "-c", 'exec "$(command -v bash || command -v sh)" -e -c "$1"', step, command]
        options = ["--network", self.engine.network, *self.options(release, mounted, {**(settings or {}), "PORT": ""})]
        code, said = self.engine.task(step.replace(" ", "-"), release.image, words, *options)
        if code != 0:
            raise Refused(step, last_words(said.splitlines()))

    def options(self, release, mounted, settings):
        variables = {**self.environment, "GIT_REV": release.name, **settings}
        mount = ["--volume", f"{self.storage}:{self.chosen.storage}"] if mounted else []
        return mount + [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]

    def switch(self, containers):
        self.nginx.switch([f"{container.address()}:{PORT}" for container in containers])
        self.serving = containers

    def postdeploy(self, release, mounted=True):
        """After the switch its failure is told and changes nothing."""
        try:
            self.task("postdeploy", release, release.postdeploy, mounted)
        except Refused as refused:
            return refused.said
        return None

    def tell(self, containers):
        """The first SIGTERM; when it was sent."""
        return [container.signal("TERM") for container in containers]

    def retire(self, containers, patience, told=None):
        """SIGTERM unless they were told already, SIGTERM again after a while, SIGKILL in the end."""
        left = []
        for container, at in zip(containers, told or self.tell(containers)):
            code = container.wait(max(0.1, patience.second - (time.time() - at / 1000)))
            if code is None:
                container.signal("TERM")
                code = container.wait(patience.kill)
            killed = code is None
            if killed:
                container.signal("KILL")
                code = container.wait(60)
            left.append(Left(code, at, time.time() - at / 1000, killed))
        return left


def last_words(lines):
    """The last line that is meant for people: a program's log is JSON, its dying sentence is not."""
    words = [line.strip() for line in lines if line.strip()]
    for line in reversed(words):
        if not line.startswith("{"):
            return line
    return words[-1] if words else "nothing"
