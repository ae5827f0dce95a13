"""The house rules for what a dashboard shows: no forbidden word, sentence case, no label names as headings, and texts for
no data that say what is missing. `generate.py --check` runs it."""

import re
import sys
from pathlib import Path

from titles import HEADINGS

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/lint"))
from words import faults, words  # noqa: E402

EVERYWHERE, HEADING = words("everywhere"), words("everywhere", "headings")
# Lower case by their names; so is what has an underscore, as a setting or a column of a view.
NAMES = ("autovacuum", "etcd", "fsync", "maxwait", "pgBackRest", "pgbackrest", "vip-manager", "xmin")
TELLS = re.compile(r"No |None\b|Needs |Never |–$|.* (is|are|collector) off\b")


def _panels(page):
    for panel in page["panels"]:
        yield panel
        yield from panel.get("panels", [])


def _columns(panel):
    """The headings of a table: its labels and its columns of values, but for those that are dropped."""
    for one in panel.get("transformations", []):
        if one["id"] == "organize":
            options = one["options"]
            for field in options["indexByName"]:
                if field not in options["excludeByName"]:
                    yield options["renameByName"].get(field, field)


def _shown(page):
    """The texts of a page by what they are: its own, then those of each panel."""
    yield "title", page["title"]
    yield "description", page["description"]
    for variable in page["templating"]["list"]:
        yield "variable", variable["label"]
    for mark in page["annotations"]["list"]:
        yield "annotation", mark["name"]
    for panel in _panels(page):
        yield "title", panel["title"]
        yield "description", panel.get("description", "")
        for target in panel.get("targets", []):
            yield "legend", target.get("legendFormat", "")
        for heading in _columns(panel):
            yield "column", heading
        if "fieldConfig" in panel:
            yield "no-data text", panel["fieldConfig"]["defaults"]["noValue"]


def _is_lower(text):
    """Whether a text begins in lower case and not with a name."""
    first = re.match(r"[\w-]*", text)[0]
    return text[:1].islower() and "_" not in first and first not in NAMES


def lint(page):
    """The faults of a page, each as a line."""
    found = []
    for kind, text in _shown(page):
        plain = re.sub(r"\{\{.*?\}\}", "{}", text)
        forbidden = EVERYWHERE if kind == "description" else HEADING
        found += [f'{kind} "{text}": {fault}' for _, fault in faults(plain, forbidden)]
        if kind not in ("description", "annotation") and not plain.startswith("{}") and plain != "__auto" and _is_lower(plain):
            found.append(f'{kind} "{text}": begin with a capital')
        if kind == "column" and text in HEADINGS:
            found.append(f'{kind} "{text}": a label name; its heading is {HEADINGS[text]}')
        if kind == "no-data text" and not TELLS.match(text):
            found.append(f'{kind} "{text}": say what is missing')
    return [f"{page['uid']}: {fault}" for fault in found]
