"""What is rehearsed, and with which load: the command line, with Wharfside's own values as defaults."""

import argparse
import os
from pathlib import Path

import scenarios

CHECKOUT = Path(__file__).resolve().parents[2]


def read(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", help=f"any of {', '.join(scenarios.ALL)} (default: all)")
    parser.add_argument("--full", action="store_true", help="the platform's own patience: 60 s to the second signal, all attempts")
    app = parser.add_argument_group("the app", "Wharfside itself, unless told otherwise.")
    app.add_argument("--app", metavar="DIR", type=Path, default=CHECKOUT, help="the release to deploy, by its Dockerfile, Procfile and app.json")
    app.add_argument("--before", metavar="DIR", type=Path, help="the release that runs already (default: the same)")
    app.add_argument("--storage", metavar="PATH", default="/storage", help="where in the container the directory is mounted (default: %(default)s)")
    app.add_argument("--owner", metavar="UID:GID", default="32767:32767", help="whom the directory belongs to (default: %(default)s)")
    app.add_argument("--env", metavar="NAME=VALUE", action="append", default=[], help="a setting of the app; may be repeated")
    app.add_argument("--broken", metavar="NAME=VALUE", help="a setting with which a release must fail")
    load = parser.add_argument_group(
        "the load", "Shell commands that find the address in $URL. With --load, those that are not given are left out."
    )
    load.add_argument("--load", metavar="COMMAND", help="one that keeps requests going until SIGTERM; exits with 0 if none failed and nothing was lost")
    load.add_argument("--put", metavar="COMMAND", help="stores something and prints what --verify needs to know")
    load.add_argument("--verify", metavar="COMMAND", help="reads that on its input; exits with 0 if all of it is there")
    load.add_argument("--upload", metavar="PATH", help="where a slow PUT of 900 kB goes; a GET must give it back")
    load.add_argument("--download", metavar="PATH", help="where 24 MB are PUT, and fetched slowly")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.scenario if name not in scenarios.ALL]
    if unknown:
        parser.error(f"there is no scenario {unknown[0]!r}; the scenarios are {', '.join(scenarios.ALL)}")
    return complete(parser, chosen)


def complete(parser, chosen):
    """Fills in what was not given, and refuses what cannot work."""
    chosen.before = (chosen.before or chosen.app).resolve()
    chosen.app = chosen.app.resolve()
    for directory in (chosen.before, chosen.app):
        for name in ("Dockerfile", "Procfile"):
            if not (directory / name).is_file():
                parser.error(f"{directory} has no {name}")
    settings = chosen.env + ([chosen.broken] if chosen.broken else [])
    wrong = [setting for setting in settings if "=" not in setting]
    if wrong:
        parser.error(f"{wrong[0]!r} is no setting; write NAME=VALUE")
    # Whether the app is one that `wharfside smoke` can question, and whose log tells of the index lease.
    chosen.is_wharfside = chosen.load is None
    if chosen.is_wharfside:
        chosen.env = ["ACCESS=open", *chosen.env]
        chosen.broken = chosen.broken or "MAX_UPLOAD_BYTES=lots"
        chosen.upload = chosen.upload or "/api/v1/files/rehearsal/slow.bin"
        chosen.download = chosen.download or "/api/v1/files/rehearsal/large.bin"
    chosen.environment = dict(setting.split("=", 1) for setting in chosen.env)
    chosen.scenario = chosen.scenario or list(scenarios.ALL)
    return chosen
