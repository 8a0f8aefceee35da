"""Containers of this rehearsal: started, looked into, told things, and all removed at the end."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

# Value: the process that rehearses; what it left behind can be told from what another one uses.
LABEL = "wharfside.rehearsal"
# The base image with the dependencies in it, which scripts/lib/docker.sh makes for tests.
PREBUILT = "wharfside-prebuilt"


class Failed(Exception):
    """A command that did not do what it was started for; says why."""


def command(*words, **options):
    """Runs `docker WORDS` to success; what it printed."""
    done = subprocess.run(["docker", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"docker {words[0]} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


class Engine:
    """The containers and the network of one rehearsal."""

    def __init__(self):
        remove_leftovers()
        self.label = f"{LABEL}={os.getpid()}"
        self.network = f"rehearsal-{os.getpid()}"
        self.made = 0
        command("network", "create", "--label", self.label, self.network)

    def name(self, what):
        self.made += 1
        return f"rehearsal-{os.getpid()}-{self.made}-{what}"

    def run(self, what, image, words, *options):
        """Starts a container that stays; see `Container`."""
        name = self.name(what)
        command("run", "--detach", "--name", name, "--label", self.label, "--init", *options, image, *words)
        return Container(name)

    def task(self, what, image, words, *options):
        """Runs a one-off container to its end; its exit code and what it said."""
        name = self.name(what)
        line = ["docker", "run", "--rm", "--name", name, "--label", self.label, "--init", *options, image, *words]
        done = subprocess.run(list(map(str, line)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def clear(self):
        """Removes every container, so that the next scenario starts with none."""
        remove(self.label)

    def close(self):
        remove(self.label)
        subprocess.run(["docker", "network", "rm", self.network], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Container:
    def __init__(self, name):
        self.name = name

    def state(self):
        return json.loads(command("inspect", "--format", "{{json .State}}", self.name))

    def restarts(self):
        return int(command("inspect", "--format", "{{.RestartCount}}", self.name))

    def remove(self):
        command("rm", "--force", "--volumes", self.name)

    def running(self):
        return self.state()["Running"]

    def address(self):
        """Its own address in the network; nothing while it does not run."""
        return command("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", self.name)

    def signal(self, name):
        """Sends it, and gives the time just before, in milliseconds. One that has ended needs none."""
        before = time.time() * 1000
        try:
            command("kill", "--signal", name, self.name)
        except Failed:
            if self.running():
                raise
        return before

    def crash(self):
        """Every process inside dies at once, as when memory runs out: the engine restarts the container.

        Gives the time just before, in milliseconds. The container's own init process is spared by the kernel.
        """
        before = time.time() * 1000
        subprocess.run(["docker", "exec", self.name, "sh", "-c", "kill -KILL -1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return before

    def wait(self, seconds):
        """Its exit code, or nothing if it still runs after that time."""
        try:
            return int(command("wait", self.name, timeout=seconds))
        except subprocess.TimeoutExpired:
            return None

    def log(self):
        done = subprocess.run(["docker", "logs", self.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout.splitlines()

    def events(self):
        """Those lines of its log that are JSON objects."""
        found = []
        for line in self.log():
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                found.append(event)
        return found


def build(tag, directory):
    """Builds the Dockerfile there; the build uses this machine's network. See scripts/lib/docker.sh for IMAGE_PROFILE."""
    line = ["docker", "build", "--network=host", "--tag", tag]
    if os.environ.get("IMAGE_PROFILE") == "dev":
        line += ["--build-arg", "PROFILE=dev", "--build-arg", f"BUILD_IMAGE={PREBUILT}"]
    done = subprocess.run([*line, str(directory)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-4000:])
        raise Failed(f"the Dockerfile in {directory} does not build")


def remove(label):
    names = command("ps", "--all", "--quiet", "--filter", f"label={label}").split()
    if names:
        subprocess.run(["docker", "rm", "--force", "--volumes", *names], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def remove_leftovers():
    """What a rehearsal left that was itself killed; one that still goes on keeps its own."""
    kinds = {"ps": ["ps", "--all"], "network": ["network", "ls"]}
    for kind, listing in kinds.items():
        for line in command(*listing, "--filter", f"label={LABEL}", "--format", "{{.ID}} {{.Label \"" + LABEL + "\"}}").splitlines():
            identity, owner = line.split()
            if Path("/proc", owner).exists():
                continue
            removal = ["rm", "--force", "--volumes"] if kind == "ps" else ["network", "rm"]
            subprocess.run(["docker", *removal, identity], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
