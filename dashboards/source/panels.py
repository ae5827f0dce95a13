"""Panels: each function gives one as Grafana's classic JSON, without id and place, which the page adds.

Each takes a title, a description (what is bad, what to do), and queries as pairs of an expression and a legend.
`none` is the text of a panel without data: it says what is missing, and the description repeats it.
"""

import json
import re
import zlib

from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, PLAIN
from titles import HEADINGS, TITLES

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
LOGS = {"type": "loki", "uid": "${logs}"}
NEUTRAL = "#6e7280"  # neither good nor bad


def texts(**named):
    """Value mappings: `_0="red:down"` shows 0 as the red word down; `minus1` is -1."""
    options = {}
    for index, (key, shown) in enumerate(named.items()):
        color, text = shown.split(":", 1)
        value = key.lstrip("_").replace("minus", "-")
        options[value] = {"color": color, "text": text, "index": index}
    return [{"type": "value", "options": options}]


BACKEND = texts(_0="blue:DOWN", _1="green:UP")
UP = texts(_0="red:down", _1="green:up")
# The words of pgBackRest.
STANZA = texts(_0="green:ok", _1="red:missing stanza path", _2="red:no valid backups", _3="red:missing stanza data", _4="red:different across repos",
               _5="red:database mismatch across repos", _6="red:requested backup not found", _99="red:other")
YES = texts(_0="blue:no", _1="green:yes")
ROLE = texts(_0="green:primary", _1="blue:standby")
ON = texts(_0="red:off", _1="green:on")


def to(uid, *own, headings=None):
    """The address of a page, with the labels `own` of what was clicked: columns by their `headings` in a table, else labels of
    the series. The page puts its variables in the place of @kept."""
    field = (lambda label: '${__data.fields["%s"]}' % headings[label]) if headings else (lambda label: "${__field.labels.%s}" % label)
    variables = "".join(f"&var-{label}={field(label)}" for label in own)
    return f"/d/{uid}?${{datasource:queryparam}}@kept{variables}&${{__url_time_range}}"


def _links(link, headings=None):
    if link is None:
        return []
    uid, *own = link if isinstance(link, tuple) else (link,)
    return [{"title": f"Open {TITLES[uid]}", "url": to(uid, *own, headings=headings), "targetBlank": False}]


def links(panel):
    """All links of a panel: those of its values and those of single columns."""
    config = panel["fieldConfig"]
    own = [property for override in config["overrides"] for property in override["properties"] if property["id"] == "links"]
    return [link for found in (config["defaults"].get("links", []), *(property["value"] for property in own)) for link in found]


def _nothing(text, color, index):
    """The mapping for what has no value."""
    return {"type": "special", "options": {"match": "null+nan", "result": {"color": color, "text": text, "index": index}}}


def _steps(steps):
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def _targets(queries, instant, form="time_series"):
    targets = []
    for index, (expr, legend) in enumerate(queries):
        expr = re.sub(r"\s+", " ", expr).strip()
        target = {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "editorMode": "code", "expr": expr, "format": form}
        target |= {"instant": True, "range": False} if instant else {"instant": False, "range": True}
        targets.append(target | {"legendFormat": legend or "__auto"})
    return targets


def _missing(targets):
    """The text of a panel whose exporters give no series."""
    read = " ".join(target["expr"] for target in targets)
    programs = [f"{name}-exporter" for name in ("pg", "pgbouncer", "pgbackrest") if re.search(rf"\b{name}_", read)]
    if not programs:
        return "No scrape target"
    return f"No series from {' or '.join(programs)}: target down or collector off"


def _short(text):
    """As much of a text for no data as a tile has room for."""
    return re.split(r": | with th", text)[0]


# A line of nothing but zeros is drawn on an axis up to this, not up to 100 of whatever its unit is.
SMALLEST_AXIS = {"Bps": 1024, "bytes": 1024, "ops": 0.1, "percentunit": 0.01, "rowsps": 1, "s": 0.001, "short": 0.1}


def _panel(kind, title, text, none, targets, defaults, options, size, overrides=(), **more):
    description = text if none is None else f"{text}\n\nIf empty: {none[0].lower()}{none[1:]}."
    none = none or _missing(targets)
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "fieldConfig": {"defaults": {"noValue": _short(none) if kind == "stat" else none} | defaults, "overrides": list(overrides)},
        "options": options,
        "targets": targets,
    } | more


def _reduce(calc="lastNotNull"):
    return {"calcs": [calc], "fields": "", "values": False}


def stat(title, text, *queries, unit, steps=PLAIN, maps=(), none=None, link=None, decimals=None, calc="lastNotNull", name=False, w=4, h=4):
    """A tile with the current value, colored by its thresholds."""
    targets = _targets(queries, True)
    defaults = {"unit": unit, "mappings": list(maps), "thresholds": _steps(steps), "color": {"mode": "thresholds"}, "links": _links(link)}
    if decimals is not None:
        defaults["decimals"] = decimals
    if steps != PLAIN or maps:
        # Else it would have the color of 0: no backup in green.
        defaults["mappings"].append(_nothing(_short(none or _missing(targets)), NEUTRAL, len(maps)))
    options = {
        "colorMode": "value" if steps == PLAIN and not maps else "background",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "reduceOptions": _reduce(calc),
        "textMode": "value_and_name" if name or len(queries) > 1 else "value",
        # Side by side both would be small.
        "wideLayout": False,
    }
    return _panel("stat", title, text, none, targets, defaults, options, (w, h))


def alerts(title, text, selector, *, link, w=4, h=4):
    """A tile with the firing alerts: critical ones in red, warnings in orange; those of severity info do not count."""
    firing = 'count(ALERTS{%s,alertstate="firing",severity="%s"}) or vector(0)'
    made = stat(title, text, *((firing % (selector, severity), severity.capitalize()) for severity in ("critical", "warning")), unit="short", steps=ANY_IS_BAD, link=link, w=w, h=h)
    made["fieldConfig"]["overrides"] = [_exactly("Warning", [("thresholds", _steps(ANY_IS_A_WARNING))])]
    return made


def worst(title, text, query, *labels, link, **more):
    """A tile with the highest value and the labels that identify it; its link leads there."""
    uid, *own = link if isinstance(link, tuple) else (link, *labels)
    shown = " ".join("{{%s}}" % label for label in labels)
    return stat(title, text, (f"topk(1, max by ({', '.join(labels)}) ({query}))", shown), link=(uid, *own), name=True, **more)


def names(title, text, query, label, *, none=None, usual=None, link=None, w=4, h=4):
    """A tile with the value of a label, as a name or a version; `usual` is shown while there is none, which is the healthy state."""
    if usual is not None:
        query = f'({query}) or label_replace(vector(0), "{label}", "{usual}", "", "") unless on () ({query})'
    defaults = {"unit": "none", "mappings": [], "thresholds": _steps(PLAIN), "color": {"mode": "thresholds"}, "links": _links(link)}
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "reduceOptions": _reduce(),
        "textMode": "name",
        "wideLayout": True,
    }
    return _panel("stat", title, text, none, _targets([(query, "{{%s}}" % label)], True), defaults, options, (w, h))


def graph(title, text, *queries, unit, steps=None, stack=False, top=None, none=None, link=None, down=None, right=None, bars=False, w=8, h=8):
    """Lines over time. `steps` are drawn as dashed lines, `down` is a pattern of series drawn below zero,
    `right` is one of series with an axis of their own: (pattern, unit)."""
    custom = {
        "drawStyle": "bars" if bars else "line",
        "lineWidth": 1,
        "fillOpacity": 40 if stack or bars else 8,
        "gradientMode": "none",
        "showPoints": "never",
        "spanNulls": 300_000,
        "stacking": {"mode": "normal" if stack else "none", "group": "A"},
        "axisPlacement": "auto",
        "axisSoftMin": 0,
        "axisSoftMax": SMALLEST_AXIS.get(unit, 1),
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
    }
    defaults = {
        "unit": unit,
        "mappings": [],
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "links": _links(link),
        "thresholds": _steps([("transparent", None), *steps[1:]] if steps else [("green", None)]),
    }
    if top is not None:
        defaults["max"] = top
    overrides = []
    if down:
        overrides.append(_by_name(down, [("custom.transform", "negative-Y")]))
    if right:
        overrides.append(_by_name(right[0], [("unit", right[1]), ("custom.axisPlacement", "right"), ("custom.fillOpacity", 0)]))
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max", "lastNotNull"], "sortBy": "Last *", "sortDesc": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", title, text, none, _targets(queries, False), defaults, options, (w, h), overrides)


def bars(title, text, *queries, unit, steps=PLAIN, maps=(), none=None, link=None, top=None, w=8, h=8):
    """Horizontal bars of present values, the longest first if the query sorts."""
    targets = _targets(queries, True)
    defaults = {"unit": unit, "mappings": [*maps, _nothing(none or _missing(targets), NEUTRAL, len(maps))], "min": 0, "thresholds": _steps(steps), "color": {"mode": "thresholds"}, "links": _links(link)}
    if top is not None:
        defaults["max"] = top
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": _reduce(),
        "showUnfilled": True,
        "valueMode": "color",
        "namePlacement": "left",
        "text": {"titleSize": 13, "valueSize": 14},
        "sizing": "manual",
        "minVizHeight": 10,
        "maxVizHeight": 32,
        "minVizWidth": 0,
    }
    return _panel("bargauge", title, text, none, targets, defaults, options, (w, h))


def timeline(title, text, *queries, maps=(), steps=PLAIN, unit="none", none=None, link=None, w=12, h=8):
    """States over time, one band for each series."""
    defaults = {
        "unit": unit,
        "mappings": list(maps),
        "thresholds": _steps(steps),
        "color": {"mode": "thresholds"},
        "custom": {"fillOpacity": 70, "lineWidth": 0, "spanNulls": 300_000},
        "links": _links(link),
    }
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": bool(maps)},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("state-timeline", title, text, none, _targets(queries, False), defaults, options, (w, h))


def heat(title, text, query, *, unit, none=None, w=12, h=8):
    """Cumulative buckets of a moment, over time."""
    defaults = {"unit": unit, "custom": {"scaleDistribution": {"type": "linear"}}}
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "fill": "dark-orange", "reverse": False, "scale": "exponential", "steps": 64},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    return _panel("heatmap", title, text, none, _targets([(query, "{{le}}")], False, "heatmap"), defaults, options, (w, h))


class Column:
    """A column of numbers in a table: a query by the table's keys. Without a name it only brings the rows, and is not shown."""

    label = None

    def __init__(self, name, expr, unit="short", steps=None, maps=(), decimals=None, link=None):
        self.name, self.expr, self.unit, self.steps, self.maps, self.decimals, self.link = name, expr, unit, steps, maps, decimals, link

    def properties(self, headings):
        """How its cells look and where they lead."""
        properties = [("unit", self.unit)]
        if self.decimals is not None:
            properties.append(("decimals", self.decimals))
        if self.steps or self.maps:
            # An empty cell is neither good nor bad.
            properties.append(("mappings", [*self.maps, _nothing("–", "transparent", len(self.maps))]))
        if self.steps:
            properties.append(("thresholds", _steps(self.steps)))
        if self.steps or self.maps:
            properties.append(("custom.cellOptions", {"type": "color-background", "mode": "basic"}))
        if self.link:
            properties.append(("links", _links(self.link, headings)))
        return properties


class Text(Column):
    """A column of text in a table: the value of one more label of its query, as a version."""

    def __init__(self, name, expr, label):
        super().__init__(name, expr, unit="string")
        self.label = label


def _by_name(pattern, properties):
    matcher = {"id": "byRegexp", "options": f"/{pattern}/"}
    return {"matcher": matcher, "properties": [{"id": key, "value": value} for key, value in properties]}


def _exactly(name, properties):
    matcher = {"id": "byName", "options": name}
    return {"matcher": matcher, "properties": [{"id": key, "value": value} for key, value in properties]}


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
    overrides = [_by_name(".*", [("noValue", "–")])]
    for key, link in (links or {}).items():
        overrides.append(_exactly(headings[key], [("links", _links(link, headings))]))
    for key, mapping in (maps or {}).items():
        overrides.append(_exactly(headings[key], [("mappings", mapping)]))
    for key, width in (widths or {}).items():
        overrides.append(_exactly(headings[key], [("custom.width", width)]))
    overrides += [_exactly(column.name, column.properties(headings)) for column in columns if column.name]
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
        "thresholds": _steps(PLAIN),
        "color": {"mode": "thresholds"},
        "custom": {"align": "auto", "minWidth": 60, "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
    }
    options = {"cellHeight": "sm", "showHeader": True, "sortBy": []}
    if sort:
        options["sortBy"] = [{"displayName": sort.lstrip("-"), "desc": sort.startswith("-")}]
    targets = _targets([(column.expr, None) for column in columns], True, "table")
    return _panel("table", title, text, none, targets, defaults, options, (w, h), overrides, transformations=transformations)


def alert_list(title, text, *, w=12, h=8):
    """Alerts of Grafana and of the data sources that evaluate rules."""
    options = {
        "alertInstanceLabelFilter": '{severity!="none"}',
        "alertName": "",
        "dashboardAlerts": False,
        "groupBy": [],
        "groupMode": "default",
        "maxItems": 20,
        "sortOrder": 3,
        "stateFilter": {"error": True, "firing": True, "noData": False, "normal": False, "pending": True},
        "viewMode": "list",
    }
    return _panel("alertlist", title, text, "No firing alerts", [], {"unit": "none"}, options, (w, h))


def logs(title, text, expr, *, w=24, h=12):
    """Lines of the logs data source."""
    options = {
        "dedupStrategy": "none",
        "enableLogDetails": True,
        "prettifyLogMessage": False,
        "showCommonLabels": False,
        "showLabels": False,
        "showTime": True,
        "sortOrder": "Descending",
        "wrapLogMessage": True,
    }
    targets = [{"refId": "A", "datasource": LOGS, "editorMode": "code", "expr": expr, "queryType": "range", "maxLines": 200}]
    panel = _panel("logs", title, text, "No log line, or no Logs data source is chosen", targets, {"unit": "none"}, options, (w, h))
    return panel | {"datasource": LOGS}


def identity(text):
    """A number that stays the same while the text does: links to panels survive what is added before them."""
    return zlib.crc32(text.encode()) % 1_000_000 + 1


def dump(page):
    """The JSON that is checked in."""
    return json.dumps(page, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
