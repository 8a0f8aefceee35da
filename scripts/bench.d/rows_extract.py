"""The row about reading: how much of what other programs find in real documents is found, and what it costs."""

import os
import re
import statistics
import sys
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import corpus_documents
import fetch
import reading
import reference
from report import Measured, Table, limit

# A word, or a character of the scripts that write none.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
# Details that are also written into the text, where the reference has them not.
SAID = ["title", "author", "album", "camera"]

# Of any text no more is kept than this, in bytes: of the reference's no more counts. There are documents made to hold gigabytes.
MOST_TEXT = 16 << 20
# Fields that stand for a sign by the number it has in a font of signs. The reference writes the letter that has that number in other fonts,
# so a document that consists of them (a test of another reader does) has no right answer to compare with.
SIGNS = re.compile(rb"\\fldinst\s*SYMBOL\s")
MANY_SIGNS = 100

# What to reach, by group: share of all words, mean over files, precision, opened, all in percent.
TARGETS = {
    "PDF, ordinary": {"micro": 99.5, "mean": 98, "precision": 98},
    "PDF, odd and broken": {"opened": 98, "mean": 93},
    "DOCX": {"micro": 99},
    "XLSX": {"micro": 99},
    "PPTX": {"micro": 97},
    "DOC": {"micro": 98},
    "XLS": {"micro": 95},
    "PPT": {"micro": 80},
    "ODT": {"micro": 99},
    "RTF": {"micro": 99},
}
CPU_MS = {"PDF": 100, "other": 25}
FIGURES = {"micro": "words found of all", "mean": "words found, mean over files", "precision": "words right of those found", "opened": "opened"}
HEADINGS = ["documents", "files", "opened", "panics, time-outs", "words found: mean", "of all", "right", "CPU: median", "p95", "most", "memory: p95", "most"]


def extract(plan):
    """Reads every document in a child of its own, and compares words with the reference's."""
    measured = Measured()
    table = Table("Words and what they cost, by kind of document; CPU time and memory are those of one child for each file:", HEADINGS)
    for group, documents in corpus_documents.groups().items():
        documents = documents[:: len(documents) // 20 + 1] if plan.quick else documents
        figures = measure(plan.wharfside, group, documents)
        table.rows.append(row(group, figures))
        measured.lines += verdicts(group, figures)
    measured.tables.append(table)
    return measured


def measure(binary, group, documents):
    theirs = reference.texts(documents, lambda what: say(f"{group}: {what}"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ours = dict(zip(documents, pool.map(lambda document: reading.read(binary, document[1]), documents)))
    say("")
    readings = list(ours.values())
    # What a password protects has been answered for, though the reference may know the password that Excel uses for none.
    compared = [
        compare(one, theirs[digest])
        for (digest, path), one in ours.items()
        if theirs[digest] is not None and one.outcome != "encrypted" and not is_of_signs(path)
    ]
    compared = [(found, expected, read) for found, expected, read in compared if expected]
    cpu = sorted(one.cpu_ms for one in readings)
    peak = sorted(one.peak_mib for one in readings)
    keep(group, ours, theirs)
    return {
        "files": len(documents),
        "opened": share(sum(one.outcome in ("read", "encrypted") for one in readings), len(readings)),
        "failed": sum(one.outcome in ("crashed", "timed out") for one in readings),
        "mean": statistics.mean(share(found, expected) for found, expected, _ in compared) if compared else 0.0,
        "micro": share(sum(found for found, _, _ in compared), sum(expected for _, expected, _ in compared)),
        "precision": share(sum(found for found, _, _ in compared), sum(read for _, _, read in compared)),
        "cpu_median": statistics.median(cpu),
        "cpu_p95": at(cpu, 0.95),
        "cpu_most": cpu[-1],
        "peak_p95": at(peak, 0.95),
        "peak_most": peak[-1],
    }


def compare(one, expected):
    """How many words of the reference are found, how many it has, and how many are found at all."""
    found = words(one.text)
    found -= words("\n".join(one.details.get(name) or "" for name in SAID))
    expected = words(expected.encode(errors="replace")[:MOST_TEXT].decode(errors="ignore"))
    return (found & expected).total(), expected.total(), found.total()


def is_of_signs(path):
    return path.suffix.lower() == ".rtf" and len(SIGNS.findall(path.read_bytes())) >= MANY_SIGNS


def words(text):
    """Soft hyphens are no part of a word, though the reference keeps them."""
    return Counter(WORD.findall(unicodedata.normalize("NFKC", text.replace("\xad", "")).lower()))


def share(part, whole):
    return 100 * part / whole if whole else 100.0


def at(values, quantile):
    return values[min(len(values) - 1, int(len(values) * quantile))]


def row(group, figures):
    percent = [f"{figures[name]:.1f} %" for name in ("mean", "micro", "precision")]
    cpu = [f"{figures[name]:,.0f} ms" for name in ("cpu_median", "cpu_p95", "cpu_most")]
    peak = [f"{figures[name]:,.0f} MiB" for name in ("peak_p95", "peak_most")]
    return [group, f"{figures['files']:,}", f"{figures['opened']:.1f} %", str(figures["failed"]), *percent, *cpu, *peak]


def verdicts(group, figures):
    targets = TARGETS.get(group, {})
    lines = [limit(f"{group}: {FIGURES[name]}", "%", [figures], name, bound, at_least=True) for name, bound in targets.items()]
    bound = CPU_MS["PDF" if group.startswith("PDF") else "other"]
    return lines + [limit(f"{group}: CPU time, p95", "ms", [figures], "cpu_p95", bound)]


def keep(group, ours, theirs):
    """A list of all files, the worst first, to look at what falls short."""
    rows = []
    for (digest, path), one in ours.items():
        expected = theirs[digest]
        found, all_words, read = compare(one, expected) if expected is not None else (0, 0, 0)
        rows.append((share(found, all_words), all_words - found, f"{share(found, all_words):6.1f} {all_words - found:8} {read:8} {one.cpu_ms:7.0f} {one.outcome:10} {path} {one.why}"))
    rows.sort()
    folder = fetch.HOME / "read"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{group.lower().replace(', ', '-').replace(' ', '-')}.txt").write_text("".join(f"{line}\n" for _, _, line in rows))


def say(what):
    if sys.stderr.isatty():
        print(f"\r{what:<60}", end="", file=sys.stderr, flush=True)
    elif what.endswith(("1", "01")):
        print(what, file=sys.stderr, flush=True)
