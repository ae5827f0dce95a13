"""Writes the situations as files of promtool, or lists them.

`generate.py DIR` writes one file for each area and evaluation interval into a folder; `generate.py --table` prints a Markdown page.
Only Python's own library is used.
"""

import sys
from importlib import import_module
from pathlib import Path

MODULES = (
    *("identity", "replication", "lag", "slots", "crash", "sessions", "statements", "objects", "wal", "backup", "pooler"),
    *("host", "ha", "services", "exporter", "logs"),
)
HEAD = """# Situations in which the alerts are tested

Each row is a test of the unchanged rules: at some minutes exactly the listed alerts fire, and no
others. A situation with several label schemes has one site for each, all in one Prometheus.
`tests/unit/situations` has the series and the minutes.
"""


def areas():
    """All areas in the order of the page."""
    found = [import_module(f"areas.{name}").AREA for name in MODULES]
    names = [situation.name for area in found for situation in area.situations]
    twice = {name for name in names if names.count(name) > 1}
    assert not twice, f"two situations of one name: {twice}"
    return found


def main(argument):
    """Writes the files into the folder, or prints the page."""
    if argument == "--table":
        print("\n".join([HEAD, *(area.table() for area in areas())]), end="")
    else:
        for area in areas():
            area.write(Path(argument))


if __name__ == "__main__":
    main(sys.argv[1])
