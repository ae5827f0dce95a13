"""Finds words of forbidden_words.txt: `python3 -B tests/lint/words.py [FILE…]`; without files the alerts and their pages.

Only Python's own library is used. The dashboards have their own lint, dashboards/source/lint.py, which takes the words from here.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("forbidden_words.txt")
DEFAULT = ("alerts/*.yml", "docs/alerts.md", "docs/runbooks/*.md")


def words(*sections):
    """The pattern and the replacement of each phrase of these sections, by phrase."""
    found, section = {}, None
    for line in LIST.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section in sections and line and not line.startswith("#"):
            phrase, replacement = line.split(" → ")
            blanks = r"\s+".join(map(re.escape, phrase.split()))
            found[phrase] = re.compile(rf"(?<![\w-]){blanks}(?![\w-])", re.IGNORECASE), replacement
    return found


def faults(text, forbidden):
    """Each forbidden word in the text: its line and what to write instead."""
    for phrase, (pattern, replacement) in forbidden.items():
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, f'"{phrase}": write {replacement}'


def main(names):
    """Prints the faults of the files; 1 if there are any."""
    files = [Path(name) for name in names] or [path for pattern in DEFAULT for path in sorted(ROOT.glob(pattern))]
    everywhere, failed = words("everywhere"), 0
    for file in files:
        for line, fault in sorted(faults(file.read_text(), everywhere)):
            print(f"{file}:{line}: {fault}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
