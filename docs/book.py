"""A preprocessor of mdBook: the folder docs is a book whose links work in it as they do in the repository.

The runbooks become chapters by being there. A link to a file outside of docs gets a page with that file, a link to a folder a
page with what is in it. `book.py check FOLDER` finds links of a built book that lead nowhere.
"""

import html.parser
import json
import pathlib
import re
import sys
import urllib.parse

DOCS = pathlib.Path(__file__).resolve().parent
ROOT = DOCS.parent
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
# Where the pages of what is outside of docs are.
OUTSIDE = "repository"


def is_elsewhere(target):
    return bool(re.match(r"[a-z]+:", target)) or target.startswith("#")


class Pages:
    """Pages that are made because something links to them, by the path of what they show."""

    def __init__(self, chapters):
        self.chapters = set(chapters)
        self.made = {}

    def page_of(self, shown):
        """The path in the book for a path in the repository; None if the book's own copy has it."""
        if shown.is_relative_to(DOCS):
            inside = shown.relative_to(DOCS)
            if not shown.is_dir():
                return None
            page = f"{inside}/index.md"
        else:
            inside = shown.relative_to(ROOT)
            page = f"{OUTSIDE}/{inside}{'/index.md' if shown.is_dir() else '' if shown.suffix == '.md' else '.md'}"
        if page not in self.made:
            self.made[page] = None
            self.made[page] = self.chapter(shown, page)
        return page

    def chapter(self, shown, page):
        name = str(shown.relative_to(ROOT))
        if shown.is_dir():
            content = f"# {name}\n\n" + "".join(f"- {self.entry(file, page)}\n" for file in sorted(shown.iterdir()))
        elif shown.suffix == ".md":
            content = self.relinked(shown.read_text(), shown, page)
        else:
            content = f"# {name}\n\n`````{shown.suffix[1:]}\n{shown.read_text()}\n`````\n"
        return {"name": name, "content": content, "path": page, "source_path": page, "number": None, "sub_items": [], "parent_names": []}

    def entry(self, file, page):
        """A file of a folder: a link where the book has a page for it."""
        chapter = str(file.relative_to(DOCS)) if file.is_relative_to(DOCS) else None
        return f"[{file.name}]({relative(chapter, page)})" if chapter in self.chapters else f"`{file.name}`"

    def relinked(self, text, source, page):
        """The text of a file of the repository as the text of a page of the book."""

        def link(match):
            target, _, anchor = match[2].partition("#")
            if is_elsewhere(match[2]):
                return match[0]
            shown = (source.parent / target).resolve()
            made = self.page_of(shown) or str(shown.relative_to(DOCS))
            return match[1] + relative(made, page) + (f"#{anchor}" if anchor else "") + match[3]

        pieces = re.split(r"(^ *```.*?^ *```$|`[^`\n]*`)", text, flags=re.MULTILINE | re.DOTALL)
        return "".join(piece if piece.lstrip().startswith("`") else LINK.sub(link, piece) for piece in pieces)


def relative(page, other):
    """The link to a page from another one."""
    up = "../" * other.count("/")
    return up + page


def chapter_of(item):
    return item.get("Chapter") if isinstance(item, dict) else None


def runbooks():
    files = sorted((DOCS / "runbooks").glob("*.md"))
    return [
        {"name": file.stem, "content": file.read_text(), "path": f"runbooks/{file.name}", "source_path": f"runbooks/{file.name}",
         "number": None, "sub_items": [], "parent_names": ["Runbooks"]}
        for file in files
    ]  # fmt: skip


def preprocess(book):
    items = book.get("items", book.get("sections"))
    items += [{"PartTitle": "Runbooks"}] + [{"Chapter": chapter} for chapter in runbooks()]
    chapters = [chapter for item in items if (chapter := chapter_of(item))]
    pages = Pages(chapter["path"] for chapter in chapters)
    for chapter in chapters:
        chapter["content"] = pages.relinked(chapter["content"], DOCS / chapter["path"], chapter["path"])
    items += [{"PartTitle": "Files of the repository"}] + [{"Chapter": page} for _, page in sorted(pages.made.items())]
    return book


class Links(html.parser.HTMLParser):
    """What a page links to, and the names that links may have."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.names = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names.update(filter(None, [attributes.get("id"), attributes.get("name")]))
        self.targets += [attributes[name] for name in ("href", "src") if attributes.get(name)]


def check(folder):
    pages = {page: Links(page.read_text()) for page in folder.resolve().rglob("*.html")}
    failures = []
    for page, links in pages.items():
        for target in links.targets:
            path, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:|/", target):
                continue
            other = (page.parent / urllib.parse.unquote(path)).resolve() if path else page
            known = pages.get(other)
            if not other.is_file() or (anchor and known and urllib.parse.unquote(anchor) not in known.names):
                failures.append(f"{page.relative_to(folder.resolve())}: {target}")
    print(f"{len(pages)} pages, {len(failures)} links that lead nowhere", *failures, sep="\n")
    return bool(failures)


def main(arguments):
    match arguments:
        case ["supports", _]:
            return 0
        case ["check", folder]:
            return check(pathlib.Path(folder))
        case []:
            _context, book = json.load(sys.stdin)
            json.dump(preprocess(book), sys.stdout)
            return 0
    print("usage: book.py check FOLDER", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
