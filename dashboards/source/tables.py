"""Tables: rows are label sets, columns are queries."""

from parts import by_name, exactly, link_list, no_value, panel_json, step_list, target_list
from thresholds import PLAIN
from titles import HEADINGS


class Column:
    """A column of numbers in a table: a query by the table's keys. Without a name it only brings the rows, and is not shown."""

    label = None

    def __init__(self, name, expr, unit="short", steps=None, maps=(), decimals=None, link=None, width=None):
        self.name, self.expr, self.unit, self.steps, self.maps, self.decimals, self.link, self.width = name, expr, unit, steps, maps, decimals, link, width

    def properties(self, headings):
        """How its cells look and where they lead."""
        properties = [("unit", self.unit)]
        if self.width:
            properties.append(("custom.width", self.width))
        if self.decimals is not None:
            properties.append(("decimals", self.decimals))
        if self.steps or self.maps:
            # An empty cell is neither good nor bad.
            properties.append(("mappings", [*self.maps, no_value("–", "transparent", len(self.maps))]))
        if self.steps:
            properties.append(("thresholds", step_list(self.steps)))
        if self.steps or self.maps:
            properties.append(("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
        if self.link:
            properties.append(("links", link_list(self.link, headings)))
        return properties


class Text(Column):
    """A column of text in a table: the value of one more label of its query, as a version."""

    def __init__(self, name, expr, label):
        super().__init__(name, expr, unit="string")
        self.label = label


def table(title, text, keys, *columns, sort=None, none=None, links=None, widths=None, hide=(), headings=None, maps=None, w=24, h=8):
    """A table: rows are the label sets `keys`, each column a query that gives no other labels.

    `links` names the page to which a key leads, with the keys that go with it; `hide` are labels not shown, `headings` those of
    keys that differ from the usual ones, `maps` value mappings of keys. `sort` is a heading, after a minus the highest first.
    """
    headings = {key: HEADINGS[key] for key in keys} | (headings or {})
    shown = [*headings.values(), *(column.name for column in columns if column.name)]
    if len(set(shown)) < len(shown) or (sort and sort.lstrip("-") not in shown):
        raise ValueError(f"headings of {title}: {shown}, sorted by {sort}")
    # The cells of a row need not repeat what the whole table would say without data.
    overrides = [by_name(".*", [("noValue", "–")])]
    for key, link in (links or {}).items():
        overrides.append(exactly(headings[key], [("links", link_list(link, headings))]))
    for key, mapping in (maps or {}).items():
        overrides.append(exactly(headings[key], [("mappings", mapping)]))
    for key, width in (widths or {}).items():
        overrides.append(exactly(headings[key], [("custom.width", width)]))
    overrides += [exactly(column.name, column.properties(headings)) for column in columns if column.name]
    letters = [chr(ord("A") + index) for index in range(len(columns))]
    # With one query the column is called Value, with several Value #A and so on.
    value = (lambda letter: f"Value #{letter}") if len(columns) > 1 else (lambda letter: "Value")
    fields = [column.label or value(letter) for letter, column in zip(letters, columns)]
    dropped = ["Time", *hide, *(value(letter) for letter, column in zip(letters, columns) if column.label or not column.name)]
    organize = {
        "excludeByName": {field: True for field in dropped},
        "indexByName": {field: index for index, field in enumerate([*keys, *fields])},
        "renameByName": headings | {field: column.name for field, column in zip(fields, columns) if column.name},
    }
    transformations = [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]
    defaults = {
        # With a unit of numbers a label that looks like one, as the ID of a query, would be rounded, also in links.
        "unit": "string",
        "mappings": [],
        "thresholds": step_list(PLAIN),
        "color": {"mode": "thresholds"},
        "custom": {"align": "auto", "minWidth": 90, "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
    }
    options = {"cellHeight": "sm", "showHeader": True, "sortBy": []}
    if sort:
        options["sortBy"] = [{"displayName": sort.lstrip("-"), "desc": sort.startswith("-")}]
    targets = target_list([(column.expr, None) for column in columns], True, "table")
    return panel_json("table", title, text, none, targets, defaults, options, (w, h), overrides, transformations=transformations)
