"""Rows about search over a library: what it finds first, judged, beside SQLite's FTS5; and what facets and passages cost."""

import json
import sqlite3
import urllib.parse

import corpus
import fetch
import judged
from report import Line, Measured, cost, limit, shown
from servers import running

SEEN = 10
FTS5 = "select name from documents where documents match ? and rank match 'bm25(4.0, 1.0)' order by rank limit 10"


def search_quality(plan):
    """Recall among the first ten hits, and the mean reciprocal rank of the first right one (0 beyond the tenth)."""
    questions = judged.questions()
    documents = chosen(plan, questions)
    peers = {
        "FTS5, all words": lambda words: f5(words, " AND "),
        "FTS5, any word": lambda words: f5(words, " OR "),
    }
    database = fts5(plan, documents)
    fetch.used["SQLite (FTS5)"] = sqlite3.sqlite_version
    theirs = {}
    for name, query in peers.items():
        theirs[name] = scores(questions, lambda words: [row[0] for row in database.execute(FTS5, [query(words)])])
    ours = None
    if plan.wharfside:
        ours = scores_of_ours(plan, questions, documents)
    lines = []
    work = f"{len(questions)} questions over {len(documents):,} documents"
    for figure in ("recall@10", "MRR"):
        for name, their in theirs.items():
            mine = shown(ours[figure], "") if ours else "–"
            ratio = f"{ours[figure] / their[figure]:.2f}" if ours else "–"
            lines.append(Line(f"{work}, {figure}", mine, f"{name}: {shown(their[figure], '')}", ratio, "for reference", "–"))
    return Measured(lines)


def chosen(plan, questions):
    """The documents that hold the answers, all others of the same manuals, and others up to the usual number."""
    answers = set().union(*(question.answers for question in questions))
    manuals = {name.split("/", 1)[0] for name in answers}
    every = [(name, path) for name, path in corpus.every_document() if not judged.LISTS.search(name)]
    same = [document for document in every if document[0].split("/", 1)[0] in manuals]
    others = [document for document in every if document[0].split("/", 1)[0] not in manuals]
    return same + others[: max(0, plan.documents - len(same))]


def f5(words, operator):
    tokens = corpus.TOKEN.findall(words.lower())
    return operator.join(f'"{token}"' for token in tokens)


def scores(questions, ask):
    recall, reciprocal = 0.0, 0.0
    for question in questions:
        found = ask(question.words)[:SEEN]
        recall += len(question.answers & set(found)) / len(question.answers)
        rank = next((at for at, name in enumerate(found, 1) if name in question.answers), None)
        reciprocal += 1 / rank if rank else 0.0
    return {"recall@10": recall / len(questions), "MRR": reciprocal / len(questions)}


def scores_of_ours(plan, questions, documents):
    """Also says, beside the run's files, what each question found, so that faults can be looked at."""
    listing = plan.fresh("judged") / "documents.txt"
    with running(plan, "wharfside", plan.fresh("wharfside-judged")) as server:
        listing.write_text("".join(f"{server.files}{urllib.parse.quote(name)}\t{path}\n" for name, path in documents))
        server.load("files", list=listing, connections=8)
        server.settle()
        told = {}

        def ask(words):
            status, body = server.get(f"/api/v1/search?limit={SEEN}&fuzzy=true&q={urllib.parse.quote(words)}")
            if status != 200:
                raise RuntimeError(f"the search for {words!r} answered {status}")
            told[words] = [hit["path"] for hit in json.loads(body)["hits"]]
            return told[words]

        figures = scores(questions, ask)
    answers = {question.words: sorted(question.answers) for question in questions}
    report = {words: {"right": answers[words], "found": found} for words, found in told.items()}
    (listing.parent / "found.json").write_text(json.dumps(report, indent=1))
    return figures


def fts5(plan, documents):
    """The same documents in FTS5, with stemming as ours has."""
    database = sqlite3.connect(plan.fresh("fts5") / "documents.sqlite")
    database.execute("create virtual table documents using fts5(name, body, tokenize = 'porter unicode61 remove_diacritics 2')")
    rows = ((name, corpus.words_of(path)) for name, path in documents)
    database.executemany("insert into documents (name, body) values (?, ?)", rows)
    database.commit()
    return database


def search_facets(plan):
    """Mixed queries with facets counted over all matches: as JSON with two passages a hit, and as pages with five."""
    if not plan.wharfside:
        return Measured()
    count = plan.library_files
    questions = [query for query, _ in corpus.queries(plan.queries, plan.documents)]
    asked = {
        "as JSON": [f"/api/v1/search?limit=20&q={urllib.parse.quote(query)}" for query in questions],
        "narrowed down, newest first": [f"/api/v1/search?limit=20&type=web&sort=newest&q={urllib.parse.quote(query)}" for query in questions],
        "as pages": [f"/search?q={urllib.parse.quote(query)}" for query in questions],
        "as pages, while the last word is typed": [f"/search?unfinished=true&q={urllib.parse.quote(query)}" for query in questions],
    }
    bounds = {"as JSON": 15, "narrowed down, newest first": 15, "as pages": 50, "as pages, while the last word is typed": 50}
    lines, costs = [], []
    with running(plan, "wharfside", plan.fresh("wharfside-facets")) as server:
        listing = plan.fresh("facets") / "documents.txt"
        listing.write_text("".join(f"{server.files}{urllib.parse.quote(name)}\t{path}\n" for name, path in copies(count)))
        server.load("files", list=listing, connections=8)
        server.settle()
        for kind, targets in asked.items():
            (listing.parent / "targets.txt").write_text("".join(f"{target}\n" for target in targets))
            rounds = [server.load("get", targets=listing.parent / "targets.txt", count=len(targets)) for _ in range(plan.rounds)]
            work = f"{len(targets)} searches of {count:,} documents, {kind}"
            lines += [limit(f"{work}, p50", "ms", rounds, "p50_ms", None), limit("… p99", "ms", rounds, "p99_ms", bounds[kind])]
            costs.append(cost(work, "wharfside", rounds))
    return Measured(lines, costs)


def copies(count):
    """So many documents: all there are, again and again, each time below another folder."""
    every = corpus.every_document()
    for number in range(count):
        name, path = every[number % len(every)]
        yield f"shelf {number // len(every) + 1}/{name}", path
