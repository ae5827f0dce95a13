"""Writes the dashboards from their source: `python3 dashboards/source/generate.py`; with --check it compares
instead, and holds the texts to the house rules of lint.py.

Only Python's own library is used, so that the same text comes out on every machine.
"""

import importlib
import sys
from pathlib import Path

from lint import lint
from parts import dump

SOURCE = Path(__file__).resolve().parent
TARGET = SOURCE.parent


def pages():
    """All pages, by the name of their file."""
    names = sorted(path.stem for path in (SOURCE / "pages").glob("*.py"))
    made = [importlib.import_module(f"pages.{name}").page.json() for name in names]
    return {f"{page['uid']}.json": page for page in made}


def main():
    """Writes or compares, and names what is out of date."""
    documents = pages()
    wanted = {name: dump(page) for name, page in documents.items()}
    present = {path.name: path.read_text() for path in TARGET.glob("*.json")}
    old = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    if "--check" in sys.argv[1:]:
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
