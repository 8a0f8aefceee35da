"""The rehearsal as a whole: two images, one scenario after the other, the table, and nothing left behind."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import browser
import docker
import nginx
import release
import report
import scenarios
from options import CHECKOUT

CANNOT = 77


@dataclass
class Stage:
    """What all scenarios share."""

    chosen: object
    engine: docker.Engine
    nginx: str
    work: Path
    as_root: list
    old: release.Release
    new: release.Release


def run(chosen):
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)
    try:
        proxy = nginx.find(CHECKOUT)
        if chosen.is_wharfside and "plain" in chosen.scenario:
            browser.install(CHECKOUT)
    except FileNotFoundError as error:
        print(f"Containers cannot be run here: {error}", file=sys.stderr)
        return CANNOT
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    work = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    engine = None
    try:
        old, new = build(chosen, work)
        engine = docker.Engine()
        stage = Stage(chosen, engine, proxy, work, as_root, old, new)
        return report.show([one(stage, name) for name in chosen.scenario])
    except (docker.Failed, ValueError) as error:
        print(f"The rehearsal stopped: {error}", file=sys.stderr)
        return 1
    finally:
        # The first interruption decided; clearing up is not to be interrupted.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        if engine:
            engine.close()
        subprocess.run([*as_root, "rm", "-rf", str(work)])


def interrupted(number, _frame):
    sys.exit(128 + number)


def one(stage, name):
    """Runs a scenario; an error in it is its row's problem, and the others still run."""
    print(f"\n{name}: {scenarios.ALL[name].__doc__.splitlines()[0]}", flush=True)
    row = report.Row(name)
    began = time.monotonic()
    try:
        scenarios.ALL[name](stage, row)
    except Exception as error:
        traceback.print_exc()
        row.problems.append(str(error) or repr(error))
    if row.left_out:
        print(f"  left out: {row.left_out}")
    for note in row.notes:
        print(f"  {note}")
    for problem in row.problems:
        print(f"  LOSS: {problem}")
    for line in row.evidence:
        print(f"    {line}")
    print(f"  took {time.monotonic() - began:.0f} s", flush=True)
    return row


def build(chosen, work):
    """Two images of two releases, by the Dockerfile as the platform builds it."""
    following = chosen.app
    if chosen.app == chosen.before:
        following = work / "next"
        copy(chosen.app, following)
        change(following, chosen.full)
    releases = []
    for name, directory in (("first", chosen.before), ("second", following)):
        image = f"rehearsal-{name}"
        began = time.monotonic()
        print(f"Building the {name} release: some minutes the first time", flush=True)
        docker.build(image, directory)
        print(f"  took {time.monotonic() - began:.0f} s")
        releases.append(release.read(name, image, directory))
    return releases


def copy(source, target):
    """What git would push, with what is not committed yet."""
    files = subprocess.run(
        ["git", "-C", str(source), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    names = [name for name in files.stdout.decode().split("\0") if name and (source / name).is_file()]
    if files.returncode == 0 and names:
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)
    else:
        shutil.copytree(source, target, symlinks=True)


def change(directory, compiled):
    """Makes another release of it, by a file that is a line longer: one that is compiled, or one that is not."""
    source = directory / "src" / "lib.rs"
    with open(source if compiled and source.is_file() else directory / "Procfile", "a") as file:
        file.write("\n")
