"""The ways in which a deploy goes, each with a load on the app from before its first step until after its last.

Every scenario starts with a first release on a new directory, and ends with the load checking all that it was promised.
"""

import time
from contextlib import contextmanager
from datetime import datetime

import load
import nginx
import place
import transfers
from place import Patience, Place, Refused
from release import PORT

# Seconds of load before something happens to the app, and after it.
BEFORE = 3
AFTER = 3
# Drain times (s) of Wharfside: short, and longer than any platform waits.
SHORT_DRAIN = 8
ENDLESS_DRAIN = 300
# A release that cannot start is asked this often in place of app.json's attempts, unless the rehearsal is a full one.
FEW_ATTEMPTS = 5
# What the README advises for more than one web process, in place of 60 s.
QUICK_CONNECT = 2
# Most milliseconds for which nobody may index after a death or a signal.
LEASE_MS = 2_000
HEALTHY_WITHIN = 120
# Of a container's log, where something went wrong.
LINES = 20
# Wharfside's files, and the one that a browser sends.
FILES = "/api/v1/files/"
BROWSER_UPLOAD = FILES + "rehearsal/browser.bin"


@contextmanager
def loaded(stage, row, settings=None, windows=None, **how):
    """A first release that serves, and a load on it; at the end the load is held against `windows` of excused failures."""
    with place_of(stage, row, settings, **how) as site:
        site.switch(site.launch(stage.old, web=site.web))
        watch = start_load(stage, site)
        time.sleep(BEFORE)
        if not watch.alive():
            row.judge(watch.stop())
            raise RuntimeError("the load ended before the deploy began")
        try:
            yield site
            time.sleep(AFTER)
        finally:
            result = watch.stop()
            row.judge(result, windows or [])
            if row.problems:
                row.evidence += [line for container in site.serving for line in evidence(container)]


@contextmanager
def place_of(stage, row, settings=None, web=1, **how):
    """`settings` are Wharfside's: another app has names of its own for them."""
    site = Place(stage, row.scenario, settings if stage.chosen.is_wharfside else None, **how)
    site.web = web
    try:
        yield site
    finally:
        site.close()


def evidence(container):
    telling = [line for line in container.log() if '"message":"answered"' not in line]
    return [f"{container.name} said:", *(f"| {line}" for line in telling[-LINES:])]


def start_load(stage, site):
    if stage.chosen.is_wharfside:
        return load.SmokeWatch(stage.engine, stage.old.image, site.url)
    return load.OwnLoad(stage.chosen.load, site.url, site.directory)


def plain(stage, row):
    """A redeploy, with slow uploads, one of them a browser's, and a slow download from before the switch until after the SIGTERM."""
    patience = Patience(60, 30) if stage.chosen.full else Patience(20, 10)
    # The platform's second signal comes after 60 s, so a release may drain for as long.
    drain = 60 if stage.chosen.full else SHORT_DRAIN
    with loaded(stage, row, {"DRAIN_SECONDS": drain}) as site:
        slow = slow_transfers(stage, site)
        old = site.serving
        switch_to(stage, row, site)
        told = site.tell(old)
        # nginx passes a request on when it has all of it, and to the release that served when it began to arrive.
        time.sleep(40 if stage.chosen.full else SHORT_DRAIN / 2)
        for transfer in slow:
            transfer.ending.set()
        leave(stage, row, site, old, patience, told)
        for transfer in slow:
            problem = transfer.end()
            row.problems += [problem] if problem else []
            row.notes.append(f"the {transfer.kind} took {transfer.took or 0:.0f} s and spanned switch and SIGTERM")
        back = [given_back(stage, site, transfer) for transfer in slow if not transfer.problem]
        row.problems += [problem for problem in back if problem]


def slow_transfers(stage, site):
    slow = []
    if stage.chosen.upload:
        slow.append(transfers.SlowUpload(site.url, stage.chosen.upload, load.noise(transfers.UPLOAD_BYTES)))
    if stage.chosen.download:
        content = load.noise(transfers.DOWNLOAD_BYTES)
        status = load.put(site.serving[0].address(), PORT, stage.chosen.download, content)
        if not 200 <= status < 300:
            raise RuntimeError(f"the file for the slow download was answered {status}")
        slow.append(transfers.SlowDownload(site.url, stage.chosen.download, content))
    if stage.chosen.is_wharfside:
        content = load.noise(transfers.BROWSER_UPLOAD_BYTES)
        slow.append(transfers.BrowserUpload(site.url, BROWSER_UPLOAD, content, site.open_window(), site.directory))
    for transfer in slow:
        transfer.begin()
    return slow


def given_back(stage, site, transfer):
    """What is wrong with what a transfer left behind, if anything."""
    status, body = load.get(site.url, transfer.path)
    if status != 200 or body != transfer.content:
        return f"after the {transfer.kind}, {transfer.path} was answered {status} with {len(body)} bytes of {len(transfer.content)}"
    if not stage.chosen.is_wharfside:
        return None
    path = transfer.path.removeprefix(FILES)
    present = load.ask(site.url, "/api/v1/entries/lookup", {"paths": [path]})["present"]
    versions = [entry["version"] for entry in present]
    return None if versions == [1] else f"after the {transfer.kind}, {path} was stored more than once: {versions}"


def refused(stage, row):
    """A release whose release process fails: nothing of it is started, and the old one goes on."""
    if stage.new.release is None:
        row.left_out = "the Procfile has no release process"
        return
    if not stage.chosen.broken:
        row.left_out = "it needs --broken, a setting with which the release process fails"
        return
    with loaded(stage, row) as site:
        expect_refusal(stage, row, site, "release process", settings=broken(stage))


def unhealthy(stage, row):
    """A release that fails its check: nginx is not switched, the old one goes on, and the log says why."""
    if not stage.chosen.broken:
        row.left_out = "it needs --broken, a setting with which the web process fails"
        return
    with loaded(stage, row) as site:
        attempts = None if stage.chosen.full else FEW_ATTEMPTS
        expect_refusal(stage, row, site, "healthcheck", attempts=attempts, web_settings=broken(stage))


def broken(stage):
    return dict([stage.chosen.broken.split("=", 1)])


def expect_refusal(stage, row, site, step, **how):
    old = site.serving
    try:
        site.launch(stage.new, **how)
        row.problems.append(f"the {step} let a release pass that has {stage.chosen.broken}")
    except Refused as stopped:
        row.notes.append(f"stopped at the {stopped.step}: {stopped.said}")
        if stopped.step != step:
            row.problems.append(f"it was stopped at the {stopped.step} and not at the {step}")
        name = stage.chosen.broken.split("=", 1)[0]
        if stage.chosen.is_wharfside and name not in stopped.said:
            row.problems.append(f"the release does not name {name} as what is wrong")
    if not all(container.running() for container in old):
        row.problems.append("the old release did not outlive the attempt")


def crash(stage, row):
    """A release that crashes after it took over: the engine restarts it, and nothing that was promised is gone."""
    windows = []
    with loaded(stage, row, {"DRAIN_SECONDS": 2}, windows) as site:
        old = site.serving
        switch_to(stage, row, site)
        leave(stage, row, site, old, Patience(60, 30))
        time.sleep(60 if stage.chosen.full else AFTER)
        container = site.serving[0]
        address = container.address()
        since = container.crash()
        until = await_health(stage, container)
        windows.append((since, until))
        row.notes.append(f"for {(until - since) / 1000:.1f} s there was no web process")
        if container.address() != address:
            row.notes.append("it came back with another address, and nginx was told, as the platform's event listener does")
            site.switch([container])
            windows.append((since, time.time() * 1000))
        hand_over(stage, row, [container], since)


def await_health(stage, container):
    """Waits until it has restarted and passes its checks; that time in milliseconds."""
    deadline = time.monotonic() + HEALTHY_WITHIN
    while container.restarts() == 0:
        if time.monotonic() > deadline:
            raise RuntimeError("the engine did not restart the container")
        time.sleep(0.02)
    while not all(check.passes(container, 1) for check in stage.new.checks):
        if time.monotonic() > deadline:
            raise RuntimeError(f"the container did not become healthy again: {place.last_words(container.log())}")
        time.sleep(0.05)
    return time.time() * 1000


def kill_old(stage, row):
    """The old container is killed outright during the overlap, with the index lease in its hand."""
    windows = []
    with loaded(stage, row, windows=windows) as site:
        old = site.serving
        switch_to(stage, row, site)
        time.sleep(1)
        since = kill(old[0], windows)
        hand_over(stage, row, site.serving, since)


def kill_new(stage, row):
    """The new container is killed outright before the switch: the deploy fails, and the next one succeeds."""
    with loaded(stage, row, {"DRAIN_SECONDS": 2}) as site:
        old = site.serving
        new = site.launch(stage.new)
        new[0].signal("KILL")
        if any(check.passes(new[0], 1) for check in stage.new.checks):
            row.problems.append("a container that was killed passed its check")
        time.sleep(1)
        switch_to(stage, row, site)
        leave(stage, row, site, old, Patience(60, 30))


def kill(container, windows):
    """Kills it outright; the time just before. Requests that were inside are excused, until the engine saw it dead.

    The engine sees it late: by then another process may have had the lease for a while.
    """
    before = container.signal("KILL")
    windows.append((before, milliseconds(container.state()["FinishedAt"])))
    return before


def web_2(stage, row):
    """Two web processes replaced by two, each old one with a drain time that takes the platform's second SIGTERM."""
    patience = Patience(60, 30) if stage.chosen.full else Patience(4, 10)
    with loaded(stage, row, {"DRAIN_SECONDS": ENDLESS_DRAIN}, web=2) as site:
        old = site.serving
        switch_to(stage, row, site)
        leave(stage, row, site, old, patience)


def web_2_kill(stage, row):
    """Two web processes, and the one that indexes is killed outright: the other one serves all."""
    windows = []
    # nginx tries an address at which nobody answers for as long as this, and again every 10 s.
    connect = nginx.CONNECT_SECONDS if stage.chosen.full else QUICK_CONNECT
    with loaded(stage, row, windows=windows, web=2, connect_seconds=connect) as site:
        other, victim = sorted(site.serving, key=last_taken)
        since = kill(victim, windows)
        hand_over(stage, row, [other], since)
        time.sleep(12)


def no_mount(stage, row):
    """The mount is forgotten: the log says that all will be gone, the check finds it gone, and a mount brings it back."""
    if not stage.chosen.is_wharfside and not (stage.chosen.put and stage.chosen.verify):
        row.left_out = "it needs --put and --verify"
        return
    with place_of(stage, row, {"DRAIN_SECONDS": 1}) as site:
        site.switch(site.launch(stage.old))
        code, receipts, said = put(stage, site)
        if code != 0:
            raise RuntimeError(f"nothing could be stored: {said}")
        row.requests = len(receipts.splitlines())
        if stage.chosen.is_wharfside:
            expect_no_mount_refused(row, site, stage.new)
        warned = site.deploy(stage.new, mounted=False, settings={"STORAGE_EPHEMERAL": 1})
        if warned and stage.chosen.is_wharfside:
            row.problems.append(f"the postdeploy script fails, though the release is live: {warned}")
        elif warned:
            row.notes.append(f"the postdeploy script fails: {warned}")
        if stage.chosen.is_wharfside:
            expect_warning(row, site)
        code, printed, said = verify(stage, site, receipts)
        if code == 0:
            row.problems.append("the check finds everything where there is nothing")
        row.notes.append(f"without the mount, the check says: {place.last_words((printed or said).splitlines())}")
        site.deploy(stage.old)
        code, printed, said = verify(stage, site, receipts)
        row.notes.append(f"with the mount: {place.last_words(printed.splitlines())}")
        row.lost = 0 if code == 0 else max(1, len(said.splitlines()))
        if code != 0:
            row.problems.append(f"not everything is back: {said.strip()}")


def expect_no_mount_refused(row, site, release):
    """Unless it is meant, a release without a mount is refused before it goes live."""
    try:
        for container in site.launch(release, mounted=False):
            container.remove()
        row.problems.append("a release without a mount was not refused")
    except Refused as refused:
        row.notes.append(f"the {refused.step} refuses it: {refused.said}")


def expect_warning(row, site):
    warning = "gone at the next deploy"
    if not any(warning in line for line in site.serving[0].log()):
        row.problems.append("the log does not say that everything will be gone")
    if warning not in load.get(site.url, "/persistence")[1].decode():
        row.problems.append("the page does not say that everything will be gone")


def put(stage, site):
    if stage.chosen.put:
        return load.own(stage.chosen.put, site.url)
    return load.smoke(stage.engine, stage.old.image, "put", site.url, "--largest", load.LARGEST)


def verify(stage, site, receipts):
    if stage.chosen.verify:
        return load.own(stage.chosen.verify, site.url, receipts)
    return load.smoke(stage.engine, stage.old.image, "verify", site.url, receipts=receipts)


def switch_to(stage, row, site):
    """Starts the new release, checks it and gives it the traffic; its failing postdeploy script is a problem."""
    began = time.monotonic()
    new = site.launch(stage.new, web=site.web)
    row.notes.append(f"release process, start and check took {time.monotonic() - began:.1f} s")
    site.switch(new)
    said = site.postdeploy(stage.new)
    if said:
        row.problems.append(f"the postdeploy script failed: {said}")


def leave(stage, row, site, old, patience, told=None):
    """Retires the old containers: they must end by themselves, and hand the index over."""
    gone = site.retire(old, patience, told)
    for left in gone:
        row.notes.append(f"the old release left {left.stayed:.1f} s after its first SIGTERM with exit code {left.code}")
        # Without a handler of its own, a process dies of the signal.
        good = (0,) if stage.chosen.is_wharfside else (0, 143)
        if left.killed:
            row.problems.append("the old release had to be killed")
        elif left.code not in good:
            row.problems.append(f"the old release left with exit code {left.code}")
    # The lease passes at the signal itself: what the holder writes in its log may come after its successor's line.
    held = [(last_taken(container), left.told) for container, left in zip(old, gone) if taken(container)]
    if held:
        hand_over(stage, row, site.serving, max(held)[1])


def hand_over(stage, row, containers, since):
    """How long after `since` (ms) one of these took the index lease, as their logs tell."""
    if not stage.chosen.is_wharfside:
        return
    deadline = time.monotonic() + 10
    while not (later := [at for container in containers for at in taken(container) if at >= since]):
        if time.monotonic() > deadline:
            row.problems.append("nobody took the index lease over")
            return
        time.sleep(0.1)
    row.lease_ms = min(later) - since
    if row.lease_ms > LEASE_MS:
        row.problems.append(f"for {row.lease_ms:.0f} ms nobody held the index lease")


def taken(container):
    """When this container took the index lease, in milliseconds."""
    return [milliseconds(event["timestamp"]) for event in container.events() if event.get("message") == "index lease taken"]


def last_taken(container):
    return max(taken(container), default=0)


def milliseconds(text):
    """Of a time as RFC 3339 writes it, with any number of digits after the second."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    seconds = datetime.fromisoformat(whole + "+00:00").timestamp()
    return (seconds + float(f"0.{fraction or 0}")) * 1000


ALL = {
    "plain": plain,
    "refused": refused,
    "unhealthy": unhealthy,
    "crash": crash,
    "kill-old": kill_old,
    "kill-new": kill_new,
    "web-2": web_2,
    "web-2-kill": web_2_kill,
    "no-mount": no_mount,
}
