"""Builds the release and fetches peers and text, each once, with the ordinary package clients."""

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from place import DEBS, HOME, REPOSITORY, SOURCES, TARGET, TOOLS

CARGO_PEERS = {"miniserve": "0.35.0", "dufs": "0.47.0", "rustus": "0.5.10"}
COPYPARTY = "1.20.26"
TUS_SERVER = {"@tus/server": "2.4.5", "@tus/file-store": "2.1.1"}
TUS_SERVER_PROGRAM = REPOSITORY / "scripts" / "bench.d" / "tus_server.mjs"
PEERS_MANIFEST = REPOSITORY / "scripts" / "bench.d" / "peers" / "Cargo.toml"

used = {}


def run(*command, **options):
    """Runs to success; what it says goes to standard error, so that standard output stays the table's."""
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr, **options)


def built(*command):
    """Path of the executable that a cargo build made."""
    said = subprocess.run([*map(str, command), "--message-format=json"], check=True, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    made = [json.loads(line).get("executable") for line in said.stdout.splitlines()]
    return next(path for path in reversed(made) if path)


@cache
def wharfside():
    return built("cargo", "build", "--release", "--locked", "--bin", "wharfside")


@cache
def own_program(name):
    return built("cargo", "build", "--release", "--locked", "--manifest-path", PEERS_MANIFEST, "--target-dir", TARGET, "--bin", name)


def load_generator():
    return own_program("load")


def bare_tantivy():
    used["tantivy"] = "0.27.0"
    return own_program("bare_tantivy")


@cache
def cargo_peer(name):
    version = CARGO_PEERS[name]
    receipt = TOOLS / ".crates.toml"
    if not receipt.exists() or f'"{name} {version} ' not in receipt.read_text():
        environment = os.environ | {"CARGO_TARGET_DIR": str(TARGET)}
        run("cargo", "install", "--locked", "--root", TOOLS, f"{name}@{version}", env=environment)
    used[name] = version
    return TOOLS / "bin" / name


@cache
def copyparty():
    """The interpreter that has it."""
    python = HOME / "copyparty" / "bin" / "python"
    if not python.exists():
        run(sys.executable, "-m", "venv", HOME / "copyparty")
        run(python, "-m", "pip", "install", "--quiet", f"copyparty=={COPYPARTY}")
    used["copyparty"] = COPYPARTY
    return python


@cache
def tus_server():
    """The program that runs it, beside the packages that it needs."""
    folder = HOME / "tus-server"
    folder.mkdir(parents=True, exist_ok=True)
    packages = [f"{name}@{version}" for name, version in TUS_SERVER.items()]
    noted = folder / "installed"
    if not noted.exists() or noted.read_text() != " ".join(packages):
        run("npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", *packages)
        noted.write_text(" ".join(packages))
    used.update(TUS_SERVER)
    return shutil.copy(TUS_SERVER_PROGRAM, folder)


@cache
def nginx():
    """Debian's binary, unpacked and not installed; its WebDAV module is built in."""
    binary = unpacked("nginx", HOME / "nginx") / "usr" / "sbin" / "nginx"
    said = subprocess.run([binary, "-v"], check=True, stderr=subprocess.PIPE, text=True).stderr
    used["nginx"] = said.strip().rsplit("/", 1)[1]
    return binary


def unpacked(package, folder):
    """A Debian package's files in `folder`."""
    if folder.exists():
        return folder
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        sys.exit(f"The Debian package {package} is needed: run this where apt-get and dpkg-deb are.")
    DEBS.mkdir(parents=True, exist_ok=True)
    if not list(DEBS.glob(f"{package}_*.deb")):
        run("apt-get", "download", package, cwd=DEBS)
    half = folder.with_name(folder.name + ".part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    run("dpkg-deb", "-x", next(DEBS.glob(f"{package}_*.deb")), half)
    half.rename(folder)
    return folder


def source_archives(package):
    """The upstream archives of a Debian source package, downloaded and not unpacked.

    Lists of source packages are no part of most installations: they are fetched into a folder of ours.
    """
    folder = SOURCES / package
    if not list(folder.glob("*.dsc")):
        folder.mkdir(parents=True, exist_ok=True)
        run("apt-get", *source_lists(), "source", "--download-only", package, cwd=folder)
    return sorted(path for path in folder.iterdir() if ".orig" in path.name and not path.name.endswith(".asc"))


@cache
def source_lists():
    """Options that make apt-get know the sources of the packages that it knows."""
    folder = SOURCES / "apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    # The mirror that ordinary packages come from, as apt-get itself tells it.
    said = subprocess.run(["apt-get", "download", "--print-uris", "cmake-doc"], check=True, stdout=subprocess.PIPE, text=True).stdout
    mirror = said.split("'")[1].split("/pool/")[0]
    suite = next(line.split("=")[1] for line in Path("/etc/os-release").read_text().splitlines() if line.startswith("VERSION_CODENAME="))
    (folder / "sources.list").write_text(f"deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {mirror} {suite} main\n")
    places = {"Dir::Etc::SourceList": "sources.list", "Dir::State::Lists": "lists", "Dir::Cache": "cache"}
    options = ["-o", "Dir::Etc::SourceParts=/dev/null"]
    for name, part in places.items():
        options += ["-o", f"{name}={folder / part}"]
    run("apt-get", *options, "update")
    return options


def versions(binary):
    """What this run used, Wharfside first, in its own words: a binary need not be what is checked out."""
    first = ["Wharfside left out"]
    if binary:
        first = subprocess.run([binary, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[:1]
    return first + [f"{name} {version}" for name, version in sorted(used.items())]
