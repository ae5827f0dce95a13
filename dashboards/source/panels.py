"""Panels: each function gives one as Grafana's classic JSON, without id and place, which the page adds.

Each takes a title, a description (what is bad, what to do), and queries as pairs of an expression and a legend.
`none` is the text of a panel without data: it says what is missing, and the description repeats it.
"""

from parts import by_name, exactly, link_list, missing, no_value, panel_json, short, step_list, target_list
from thresholds import ANY_IS_A_WARNING, ANY_IS_BAD, PLAIN

NEUTRAL = "#6e7280"  # neither good nor bad

# A line of nothing but zeros is drawn on an axis up to this, not up to 100 of whatever its unit is.
SMALLEST_AXIS = {"Bps": 1024, "bytes": 1024, "ops": 0.1, "percentunit": 0.01, "rowsps": 1, "s": 0.001, "short": 0.1}

# Grafana makes an axis as wide as its highest label, which may have fewer decimals than others, or no sign.
LONG_UNITS = ("Bps", "ops", "rowsps")


def _reduce(calc="lastNotNull"):
    return {"calcs": [calc], "fields": "", "values": False}


def stat(title, text, *queries, unit, steps=PLAIN, maps=(), none=None, link=None, decimals=None, calc="lastNotNull", name=False, w=4, h=4):
    """A tile with the current value, colored by its thresholds."""
    targets = target_list(queries, True)
    defaults = {"unit": unit, "mappings": list(maps), "thresholds": step_list(steps), "color": {"mode": "thresholds"}, "links": link_list(link)}
    if decimals is not None:
        defaults["decimals"] = decimals
    if steps != PLAIN or maps:
        # Else it would have the color of 0: no backup in green.
        defaults["mappings"].append(no_value(short(none or missing(targets)), NEUTRAL, len(maps)))
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
    if options["textMode"] == "value_and_name" and h < 4:
        # Grafana would draw names too small to read. Two values with units have little room.
        options["text"] = {"titleSize": 12, "valueSize": 16 if len(queries) > 1 and w < 4 else 24}
    return panel_json("stat", title, text, none, targets, defaults, options, (w, h))


def alerts(title, text, selector, *, link, w=4, h=4):
    """A tile with the firing alerts: critical ones in red, warnings in orange; those of severity info do not count. Where no
    rule is loaded, there is not even the alert that always fires, and none may not be shown as 0."""
    firing = 'count(ALERTS{%s,alertstate="firing",severity="%s"}) or 0 * group(ALERTS)'
    queries = ((firing % (selector, severity), severity.capitalize()) for severity in ("critical", "warning"))
    made = stat(title, text, *queries, unit="short", steps=ANY_IS_BAD, none="No alert rules: the data source has no ALERTS series", link=link, w=w, h=h)
    made["fieldConfig"]["overrides"] = [exactly("Warning", [("thresholds", step_list(ANY_IS_A_WARNING))])]
    return made


def worst(title, text, query, *labels, link, **more):
    """A tile with the highest value and the labels that identify it; its link leads there."""
    page, *own = link if isinstance(link, tuple) else (link, *labels)
    shown = " ".join("{{%s}}" % label for label in labels)
    return stat(title, text, (f"topk(1, max by ({', '.join(labels)}) ({query}))", shown), link=(page, *own), name=True, **more)


def culprits(title, text, bad, every, *labels, link, w=4, h=4):
    """A tile with the number of what is wrong, all with these labels; its link leads to one of them."""
    by = ", ".join(labels)
    query = f"topk(1, group by ({by}) ({bad})) * on () group_left () count(group by ({by}) ({bad})) or on () 0 * topk(1, group by ({by}) ({every}))"
    return stat(title, text, (query, ""), unit="short", decimals=0, steps=ANY_IS_BAD, link=(link, *labels), w=w, h=h)


def names(title, text, query, label, *, none=None, usual=None, link=None, w=4, h=4):
    """A tile with the value of a label, as a name or a version; `usual` is shown while there is none, which is the healthy state."""
    if usual is not None:
        query = f'({query}) or label_replace(vector(0), "{label}", "{usual}", "", "") unless on () ({query})'
    defaults = {"unit": "none", "mappings": [], "thresholds": step_list(PLAIN), "color": {"mode": "thresholds"}, "links": link_list(link)}
    options = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "center",
        "orientation": "auto",
        "reduceOptions": _reduce(),
        "textMode": "name",
        "wideLayout": True,
    }
    return panel_json("stat", title, text, none, target_list([(query, "{{%s}}" % label)], True), defaults, options, (w, h))


def graph(title, text, *queries, unit, steps=None, stack=False, top=None, none=None, link=None, down=None, right=None, over=None, colors=None,
          least_step=None, bars=False, w=8, h=8):
    """Lines over time. `steps` are drawn as dashed lines, `down` is a pattern of series drawn below zero,
    `right` is one of series with an axis of their own: (pattern, unit), `over` one of series drawn as dashed lines over a stack.
    `colors` are those of series by name. With `least_step` the queries are not asked for more densely."""
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
        "links": link_list(link),
        "thresholds": step_list([("transparent", None), *steps[1:]] if steps else [("green", None)]),
    }
    if top is not None:
        defaults["max"] = top
    overrides = []
    if down:
        overrides.append(by_name(down, [("custom.transform", "negative-Y")]))
    if unit in LONG_UNITS:
        custom["axisWidth"] = 80
    if right:
        overrides.append(by_name(right[0], [("unit", right[1]), ("custom.axisPlacement", "right"), ("custom.fillOpacity", 0)]))
    if over:
        line = [("custom.stacking", {"mode": "none", "group": "A"}), ("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})]
        overrides.append(by_name(over, [*line, ("custom.lineWidth", 2), ("custom.fillOpacity", 0)]))
    for name, color in (colors or {}).items():
        overrides.append(exactly(name, [("color", {"mode": "fixed", "fixedColor": color})]))
    targets = target_list(queries, False)
    if least_step:
        targets = [target | {"interval": least_step} for target in targets]
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max", "lastNotNull"], "sortBy": "Last *", "sortDesc": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return panel_json("timeseries", title, text, none, targets, defaults, options, (w, h), overrides)


def bars(title, text, *queries, unit, steps=PLAIN, maps=(), none=None, link=None, top=None, w=8, h=8):
    """Horizontal bars of present values, the longest first if the query sorts."""
    targets = target_list(queries, True)
    defaults = {"unit": unit, "mappings": [*maps, no_value(none or missing(targets), NEUTRAL, len(maps))], "min": 0, "thresholds": step_list(steps), "color": {"mode": "thresholds"}, "links": link_list(link)}
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
    return panel_json("bargauge", title, text, none, targets, defaults, options, (w, h))


def timeline(title, text, *queries, maps=(), steps=PLAIN, unit="none", none=None, link=None, w=12, h=8):
    """States over time, one band for each series."""
    defaults = {
        "unit": unit,
        "mappings": list(maps),
        "thresholds": step_list(steps),
        "color": {"mode": "thresholds"},
        "custom": {"fillOpacity": 70, "lineWidth": 0, "spanNulls": 300_000},
        "links": link_list(link),
    }
    options = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": bool(maps)},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return panel_json("state-timeline", title, text, none, target_list(queries, False), defaults, options, (w, h))


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
    return panel_json("heatmap", title, text, none, target_list([(query, "{{le}}")], False, "heatmap"), defaults, options, (w, h))


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
    return panel_json("alertlist", title, text, "No firing alerts", [], {"unit": "none"}, options, (w, h))


def logs(title, text, expr, store, *, w=24, h=12):
    """Lines of a log store, which is the name, the label and the type of its data source's variable."""
    name, _, kind = store
    datasource = {"type": kind, "uid": "${%s}" % name}
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
    targets = [{"refId": "A", "datasource": datasource, "editorMode": "code", "expr": expr, "queryType": "range" if kind == "loki" else "instant", "maxLines": 200}]
    panel = panel_json("logs", title, text, "No log line, or no data source of this type", targets, {"unit": "none"}, options, (w, h))
    return panel | {"datasource": datasource}
