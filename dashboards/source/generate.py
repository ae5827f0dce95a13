"""Writes the dashboards from their source: `python3 dashboards/source/generate.py`; with --check it compares
instead, and holds the texts to the house rules of lint.py.

Further forms, which are not checked in, go to a folder: `--publish DIR` for grafana.com, `--v2 DIR` as resources of Grafana
13.2 and later, `--v2beta1 DIR` as those of earlier releases. Only Python's own library is used, so that the same text comes out
on every machine.
"""

import argparse
import importlib
import sys
from pathlib import Path

from forms import published, resource
from lint import lint
from page import OLDEST_GRAFANA
from parts import dump

SOURCE = Path(__file__).resolve().parent
TARGET = SOURCE.parent
FORMS = {
    "publish": lambda page: published(page, OLDEST_GRAFANA),
    "v2": lambda page: resource(page, "v2"),
    "v2beta1": lambda page: resource(page, "v2beta1"),
}


def pages():
    """All pages, by the name of their file."""
    names = sorted(path.stem for path in (SOURCE / "pages").glob("*.py"))
    made = [importlib.import_module(f"pages.{name}").page.json() for name in names]
    return {f"{page['uid']}.json": page for page in made}


def write_form(folder, form, documents):
    """Writes all pages in another form into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in documents.items():
        (folder / name).write_text(dump(form(page)))


def main():
    """Writes or compares, and names what is out of date."""
    parser = argparse.ArgumentParser(description="Writes the dashboards from their source.")
    parser.add_argument("--check", action="store_true", help="compare instead, and check the texts")
    for name in FORMS:
        parser.add_argument(f"--{name}", type=Path, metavar="DIR", help="write this form of all pages into DIR, and nothing else")
    options = vars(parser.parse_args())
    documents = pages()
    forms = [(options[name], form) for name, form in FORMS.items() if options[name]]
    for folder, form in forms:
        write_form(folder, form, documents)
    if forms:
        return 0
    wanted = {name: dump(page) for name, page in documents.items()}
    present = {path.name: path.read_text() for path in TARGET.glob("*.json")}
    old = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if options["check"]:
        for name in old:
            print(f"dashboards/{name} is out of date: make dashboards", file=sys.stderr)
        faults = [fault for page in documents.values() for fault in lint(page)]
        for fault in faults:
            print(fault, file=sys.stderr)
        return 1 if old or faults else 0
    for name in old:
        if name in wanted:
            (TARGET / name).write_text(wanted[name])
        else:
            (TARGET / name).unlink()
    return 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
