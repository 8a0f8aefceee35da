"""Real text: the documentation that Debian ships, as files, as one long text, and as queries."""

import hashlib
import html
import json
import random
import re
import sqlite3
import urllib.parse
from functools import cache

import fetch
from place import CORPUS, HOME

# Manuals, references, kernel documentation and tutorials by many hands: 33,000 documents, of which 20,000 are used.
PACKAGES = [
    "cmake-doc",
    "cppreference-doc-en-html",
    "debian-policy",
    "debian-reference-en",
    "erlang-doc",
    "libboost1.81-doc",
    "linux-doc-6.1",
    "openjdk-17-doc",
    "postgresql-doc-15",
    "python-django-doc",
    "python3.11-doc",
    "qtbase5-doc-html",
    "sqlite3-doc",
]
ENDINGS = {".html", ".htm", ".txt", ".md", ".rst"}
# Smaller ones are redirections.
LEAST_BYTES = 1024
MARKUP = re.compile(r"(?is)<(script|style)\b.*?</\1\s*>|<[^>]*>")
TOKEN = re.compile(r"[a-z0-9]+")
WORD = re.compile(r"[a-z]{4,14}")


@cache
def every_document():
    """All documents in an order that mixes the packages and never changes."""
    found = []
    for package in PACKAGES:
        folder = fetch.unpacked(package, CORPUS / package)
        for path in folder.rglob("*"):
            if path.suffix.lower() in ENDINGS and path.is_file() and not path.is_symlink() and path.stat().st_size >= LEAST_BYTES:
                found.append((f"{package}/{path.relative_to(folder)}", path))
    return sorted(found, key=lambda document: hashlib.sha256(document[0].encode()).digest())


def documents(count):
    """`count` pairs of name and local path."""
    chosen = every_document()[:count]
    if len(chosen) < count:
        raise RuntimeError(f"the packages hold {len(chosen)} documents, and {count} are needed")
    return chosen


def listing(count, prefix):
    """A file with a line for each document: the target to put it at, a tab, its local path."""
    path = HOME / f"documents-{count}{prefix.replace('/', '_')}.txt"
    lines = (f"{prefix}{urllib.parse.quote(name)}\t{local}\n" for name, local in documents(count))
    path.write_text("".join(lines))
    return path


def words_of(local):
    """A document's text without markup, in one line."""
    return " ".join(html.unescape(MARKUP.sub(" ", local.read_text(errors="replace"))).split())


def long_text():
    """A file of about 40 MB of ASCII text to cut small files from."""
    path = HOME / "text.txt"
    if not path.exists():
        size = 0
        with path.open("w") as file:
            for _, local in every_document():
                text = words_of(local).encode("ascii", "ignore").decode()
                size += file.write(text + "\n")
                if size > 40_000_000:
                    break
    return path


def fts5(count):
    """The same documents in SQLite's FTS5, with stemming as ours has; made once."""
    path = HOME / f"fts5-{count}.sqlite"
    if path.exists():
        return path
    half = path.with_suffix(".part")
    half.unlink(missing_ok=True)
    database = sqlite3.connect(half)
    database.execute("create virtual table documents using fts5(name, body, tokenize = 'porter unicode61 remove_diacritics 2')")
    rows = ((name, words_of(local)) for name, local in documents(count))
    database.executemany("insert into documents (name, body) values (?, ?)", rows)
    database.execute("insert into documents (documents) values ('optimize')")
    database.commit()
    database.close()
    half.rename(path)
    return path


def queries(count, documents_count):
    """`count` pairs of a query in our language and the same in FTS5's: two in five a word, the rest mixed.

    Words are drawn from the documents as they stand there, so common ones come up more often, as they do in life.
    """
    path = HOME / f"queries-{count}-{documents_count}.json"
    if path.exists():
        return json.loads(path.read_text())
    chance = random.Random(20_000)
    chosen = documents(documents_count)
    made = []
    while len(made) < count:
        tokens = TOKEN.findall(words_of(chance.choice(chosen)[1]).lower())
        words = [token for token in tokens if WORD.fullmatch(token)]
        if len(words) >= 50:
            made.append(query(len(made), tokens, words, chance))
    path.write_text(json.dumps(made))
    return made


def query(number, tokens, words, chance):
    a, b, c = (chance.choice(words) for _ in range(3))
    kind = number % 20
    if kind < 8:
        return a, f'"{a}"'
    if kind < 11:
        return f"{a} {b}", f'"{a}" AND "{b}"'
    if kind < 13:
        return f"{a} {b} {c}", f'"{a}" AND "{b}" AND "{c}"'
    if kind < 16:
        at = chance.randrange(len(tokens) - 3)
        phrase = " ".join(tokens[at : at + 2 + number % 2])
        return f'"{phrase}"', f'"{phrase}"'
    if kind < 18:
        return f"{a[:4]}*", f'"{a[:4]}"*'
    if kind < 19:
        return f"{a} -{b}", f'"{a}" NOT "{b}"'
    return f"{a} OR {b}", f'"{a}" OR "{b}"'
