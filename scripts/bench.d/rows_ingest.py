"""Rows about real documents in the running server: ten thousand of them at once, and how soon one of ten pages is found."""

import json
import re
import subprocess
import time
import urllib.parse
from collections import Counter

import corpus
import corpus_documents
import fetch
import machine
import reference
from report import Cost, Measured, Table, limit
from servers import running

FOLDER = "documents"
# Kinds that are read as they are; the others come out of programs.
PLAIN = [".html", ".txt", ".md"]
PAGES = range(8, 13)
# A word that a person might look for.
WORD = re.compile(r"\b[a-z]{7,}\b")
FOUND_WITHIN = 30


def ingest(plan):
    """Real documents of all kinds, eight at a time, until all are searchable: what the server's own memory grows by, and what is lost."""
    if not plan.wharfside:
        return Measured()
    count = 1_000 if plan.quick else 10_000
    chosen = documents(count)
    with running(plan, "wharfside", plan.fresh("ingest")) as server:
        server.settle()
        idle = own_peak_mib(server)
        listing = plan.fresh("documents") / "documents.txt"
        listing.write_text("".join(f"{server.files}{urllib.parse.quote(name)}\t{path}\n" for name, path in chosen))
        user, system = machine.cpu_seconds(server.process.pid)
        began = time.perf_counter()
        server.load("files", list=listing, connections=8)
        stored = time.perf_counter() - began
        server.settle()
        seconds = time.perf_counter() - began
        user_after, system_after = machine.cpu_seconds(server.process.pid)
        grown = own_peak_mib(server) - idle
        hits = list(every_hit(server))
        found = Counter(hit["path"] for hit in hits)
        lost = sum(name not in found for name, _ in chosen)
        twice = found.total() - len(found)
        unread = sorted(not_read(server, hits))
    figures = {"seconds": seconds, "grown": grown, "lost": lost, "twice": twice, "unread": len(unread), "rate": len(chosen) / seconds}
    (listing.parent / "unread.txt").write_text("".join(f"{why}\t{name}\n" for why, name in unread))
    work = f"{len(chosen):,} real documents at once"
    table = Table(f"Of these {len(chosen):,}, stored after {stored:,.0f} s and searchable after {seconds:,.0f} s, the contents that could not be read:", ["why", "documents"])
    table.rows += [[why, str(times)] for why, times in Counter(why for why, _ in unread).most_common()]
    costs = [Cost(work, "wharfside", seconds, user_after - user, system_after - system, 0.0)]
    return Measured(
        [
            limit(f"{work}: the server's own peak memory, above idle", "MiB", [figures], "grown", 300),
            limit("… not found afterwards", "files", [figures], "lost", 0),
            limit("… found twice", "files", [figures], "twice", 0),
            limit("… contents not read", "files", [figures], "unread", None),
            limit("… searchable", "files/s", [figures], "rate", None),
        ],
        costs,
        [table],
    )


def documents(count):
    """Names and paths: what programs made first, then pages and plain text until there are enough, each content once."""
    made = [entry for group in corpus_documents.groups().values() for entry in group]
    chosen = {digest: path for digest, path in made}
    plain = [path for ending in PLAIN for path in sorted(corpus_documents.DOCUMENTS.rglob(f"*{ending}"))]
    for digest, path in corpus_documents.distinct([path for path in plain if path.is_file() and not path.is_symlink()], most=count):
        chosen.setdefault(digest, path)
    wanted = list(chosen.items())[:count]
    if len(wanted) < count:
        have = {digest for digest, _ in wanted}
        rest = corpus_documents.distinct([path for _, path in corpus.every_document()], most=2 * count)
        wanted += [entry for entry in rest if entry[0] not in have][: count - len(wanted)]
    # In an order that mixes the kinds, and never changes.
    return sorted((f"{FOLDER}/{digest[:2]}/{digest[2:10]}-{path.name}", path) for digest, path in wanted)


def own_peak_mib(server):
    """Of the server's process alone."""
    return machine.process_mib(server.process.pid, "VmHWM")


def every_hit(server):
    """What the index holds, page by page."""
    cursor = None
    while True:
        more = f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""
        status, body = server.get(f"/api/v1/search?q=&folder={FOLDER}&limit=100&sort=oldest{more}")
        if status != 200:
            raise RuntimeError(f"the search for everything answered {status}")
        page = json.loads(body)
        yield from page["hits"]
        cursor = page.get("next")
        if not cursor:
            return


def not_read(server, hits):
    """Why, and the name, of each document of which nothing but the name is in the index."""
    for hit in hits:
        status, body = server.get(f"/api/v1/entries/{hit['id']}")
        facts = json.loads(body)["facts"] if status == 200 else None
        why = "never read" if facts is None else facts["name_only"]
        if why:
            yield why, hit["path"]


def pdf_searchable(plan):
    """From the upload of a PDF of about ten pages until a search finds it by a word of its fifth page, one after the other."""
    if not plan.wharfside:
        return Measured()
    chosen = list(ten_pages(10 if plan.quick else 60))
    times, missed = [], 0
    with running(plan, "wharfside") as server:
        server.settle()
        for number, (path, word) in enumerate(chosen):
            content = path.read_bytes()
            began = time.perf_counter()
            server.put(f"{FOLDER}/{number:03}/{path.name}", content)
            target = f"/api/v1/search?limit=1&folder={FOLDER}/{number:03}&q={word}"
            while json.loads(server.get(target)[1])["total"] == 0 and time.perf_counter() - began < FOUND_WITHIN:
                time.sleep(0.005)
            took = time.perf_counter() - began
            missed += took >= FOUND_WITHIN
            times.append(took * 1000)
    times.sort()
    figures = {"p50": times[len(times) // 2], "p95": times[len(times) * 95 // 100], "missed": missed}
    work = f"upload → found by a word of page 5, {len(times)} PDFs of {PAGES[0]} to {PAGES[-1]} pages"
    return Measured(
        [
            limit(f"{work}, p50", "ms", [figures], "p50", 1_000),
            limit("… p95", "ms", [figures], "p95", None),
            limit("… not found", "files", [figures], "missed", 0),
        ]
    )


def ten_pages(count):
    """Paths of PDFs, each with a word that stands on its fifth page and not before."""
    reference.programs()
    for _, path in corpus_documents.groups()["PDF, ordinary"]:
        if count == 0:
            return
        pages = text_of(path).split("\f")[:-1]
        if len(pages) not in PAGES:
            continue
        before = set(WORD.findall(" ".join(pages[:4]).lower()))
        words = [word for word in WORD.findall(pages[4].lower()) if word not in before]
        if words:
            count -= 1
            yield path, max(words, key=lambda word: (len(word), word))


def text_of(path):
    done = subprocess.run(["pdftotext", "-enc", "UTF-8", path, "-"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.stdout.decode(errors="replace")
