"""Parts of a panel in Grafana's classic JSON: queries, links, thresholds, texts for no data."""

import json
import re
import zlib

from titles import PREFIX, TITLES

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def to(page, *own, headings=None):
    """The address of a page, with the labels `own` of what was clicked: columns by their `headings` in a table, else labels of
    the series. The page puts its variables in the place of @kept."""
    field = (lambda label: '${__data.fields["%s"]}' % headings[label]) if headings else (lambda label: "${__field.labels.%s}" % label)
    variables = "".join(f"&var-{label}={field(label)}" for label in own)
    return f"/d/{PREFIX}{page}?${{datasource:queryparam}}@kept{variables}&${{__url_time_range}}"


def link_list(link, headings=None):
    if link is None:
        return []
    page, *own = link if isinstance(link, tuple) else (link,)
    return [{"title": f"Open {TITLES[page]}", "url": to(page, *own, headings=headings), "targetBlank": False}]


def links(panel):
    """All links of a panel: those of its values and those of single columns."""
    config = panel["fieldConfig"]
    own = [property for override in config["overrides"] for property in override["properties"] if property["id"] == "links"]
    return [link for found in (config["defaults"].get("links", []), *(property["value"] for property in own)) for link in found]


def no_value(text, color, index):
    """The mapping for what has no value."""
    return {"type": "special", "options": {"match": "null+nan", "result": {"color": color, "text": text, "index": index}}}


def step_list(steps):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def target_list(queries, instant, form="time_series"):
    targets = []
    for index, (expr, legend) in enumerate(queries):
        expr = re.sub(r"\s+", " ", expr).strip()
        target = {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "editorMode": "code", "expr": expr, "format": form}
        target |= {"instant": True, "range": False} if instant else {"instant": False, "range": True}
        targets.append(target | {"legendFormat": legend or "__auto"})
    return targets


def missing(targets):
    """The text of a panel whose exporters give no series."""
    read = " ".join(target["expr"] for target in targets)
    programs = [f"{name}-exporter" for name in ("pg", "pgbouncer", "pgbackrest") if re.search(rf"\b{name}_", read)]
    if not programs:
        return "No scrape target"
    return f"No series from {' or '.join(programs)}: target down or collector off"


def short(text):
    """As much of a text for no data as a tile has room for."""
    return re.split(r": | with th", text)[0]


def by_name(pattern, properties):
    matcher = {"id": "byRegexp", "options": f"/{pattern}/"}
    return {"matcher": matcher, "properties": [{"id": key, "value": value} for key, value in properties]}


def exactly(name, properties):
    matcher = {"id": "byName", "options": name}
    return {"matcher": matcher, "properties": [{"id": key, "value": value} for key, value in properties]}


def panel_json(kind, title, text, none, targets, defaults, options, size, overrides=(), **more):
    description = text if none is None else f"{text}\n\nIf empty: {none[0].lower()}{none[1:]}."
    none = none or missing(targets)
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "fieldConfig": {"defaults": {"noValue": short(none) if kind == "stat" else none} | defaults, "overrides": list(overrides)},
        "options": options,
        "targets": targets,
    } | more


def identity(text):
    """A number that stays the same while the text does: links to panels survive what is added before them."""
    return zlib.crc32(text.encode()) % 1_000_000 + 1


def dump(page):
    """The JSON that is checked in."""
    return json.dumps(page, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
