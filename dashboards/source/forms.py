"""Further forms of a page, made from its classic JSON: for grafana.com, and as the resource that Grafana 13 saves."""

PROMETHEUS = "DS_PROMETHEUS"
# Kinds of panels by Grafana's names for them.
PANELS = {
    "alertlist": "Alert list", "bargauge": "Bar gauge", "heatmap": "Heatmap", "logs": "Logs", "stat": "Stat", "state-timeline": "State timeline",
    "table": "Table", "text": "Text", "timeseries": "Time series",
}
HIDE = ("dontHide", "hideLabel", "hideVariable")
REFRESH = ("never", "onDashboardLoad", "onTimeRangeChanged")
SORT = ("disabled", "alphabeticalAsc", "alphabeticalDesc", "numericalAsc", "numericalDesc")
# Marks of the classic form that the resource keeps as they are.
OF_MARKS = ("titleFormat", "textFormat", "useValueForTime")


def _panels(page):
    """The panels in rows: pairs of a row, or None for those above the first, and its panels."""
    rows = [(None, [])]
    for panel in page["panels"]:
        if panel["type"] == "row":
            rows.append((panel, list(panel["panels"])))
        else:
            rows[-1][1].append(panel)
    return rows


def published(page, grafana):
    """The page for grafana.com: whoever imports it is asked for a Prometheus, which becomes the value of its variable. The log
    stores are not asked for, since a site has one of them, or none."""
    variables = [one | {"current": {"text": "${%s}" % PROMETHEUS, "value": "${%s}" % PROMETHEUS}} if one["name"] == "datasource" else one for one in page["templating"]["list"]]
    kinds = sorted({panel["type"] for _, panels in _panels(page) for panel in panels})
    return page | {
        "__inputs": [{"name": PROMETHEUS, "label": "Prometheus", "description": "Scrapes pg-exporter", "type": "datasource", "pluginId": "prometheus", "pluginName": "Prometheus"}],
        "__elements": {},
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": grafana},
            {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
            *({"type": "panel", "id": kind, "name": PANELS[kind], "version": ""} for kind in kinds),
        ],
        "templating": {"list": variables},
    }


def _query(datasource, spec):
    """A query of a data source, which is named by its uid."""
    return {"kind": "DataQuery", "group": datasource["type"], "version": "v0", "datasource": {"name": datasource["uid"]}, "spec": spec}


def _without(one, *keys):
    return {key: value for key, value in one.items() if key not in keys}


def _transformation(one, version):
    if version == "v2beta1":
        return {"kind": one["id"], "spec": {"id": one["id"], "options": one["options"]}}
    return {"kind": "Transformation", "group": one["id"], "spec": {"options": one["options"]}}


def _element(panel, version):
    queries = [
        {"kind": "PanelQuery", "spec": {"refId": target["refId"], "hidden": False, "query": _query(target["datasource"], _without(target, "refId", "datasource"))}}
        for target in panel["targets"]
    ]
    transformations = [_transformation(one, version) for one in panel.get("transformations", [])]
    return {
        "kind": "Panel",
        "spec": {
            "id": panel["id"],
            "title": panel["title"],
            "description": panel["description"],
            "links": [],
            "data": {"kind": "QueryGroup", "spec": {"queries": queries, "transformations": transformations, "queryOptions": {}}},
            "vizConfig": {
                "kind": "VizConfig", "group": panel["type"], "version": panel["pluginVersion"],
                "spec": {"options": panel["options"], "fieldConfig": panel["fieldConfig"]},
            },
        },
    }


def _name(panel):
    return f"panel-{panel['id']}"


def _row(row, panels):
    """A row with the places of its panels below its own top."""
    top = min(panel["gridPos"]["y"] for panel in panels)
    items = [
        {
            "kind": "GridLayoutItem",
            "spec": {
                "x": panel["gridPos"]["x"], "y": panel["gridPos"]["y"] - top, "width": panel["gridPos"]["w"], "height": panel["gridPos"]["h"],
                "element": {"kind": "ElementReference", "name": _name(panel)},
            },
        }
        for panel in panels
    ]
    head = {"title": "", "hideHeader": True, "collapse": False} if row is None else {"title": row["title"], "collapse": row["collapsed"]}
    return {"kind": "RowsLayoutRow", "spec": head | {"layout": {"kind": "GridLayout", "spec": {"items": items}}}}


def _variable(one):
    shared = {
        "name": one["name"], "label": one["label"], "hide": HIDE[one["hide"]], "refresh": REFRESH[one["refresh"]], "regex": one["regex"], "skipUrlSync": False,
        "multi": one["multi"], "includeAll": one["includeAll"], "options": [], "allowCustomValue": True,
        "current": {key: value for key, value in (one.get("current") or {"text": "", "value": ""}).items() if key != "selected"},
    }
    if "allValue" in one:
        shared["allValue"] = one["allValue"]
    if one["type"] == "datasource":
        return {"kind": "DatasourceVariable", "spec": shared | {"pluginId": one["query"]}}
    query = _query(one["datasource"], one["query"])
    return {"kind": "QueryVariable", "spec": shared | {"query": query, "definition": one["definition"], "sort": SORT[one["sort"]]}}


def _mark(one):
    builtin = "builtIn" in one
    spec = {
        "name": one["name"], "enable": one["enable"], "hide": one["hide"], "iconColor": one["iconColor"],
        "query": _query(one["datasource"], {} if builtin else _without(one["target"], "refId")),
    }
    return {"kind": "AnnotationQuery", "spec": spec | ({"builtIn": True} if builtin else {"legacyOptions": {key: one[key] for key in OF_MARKS}})}


def resource(page, version):
    """The page as a resource of dashboard.grafana.app, in the version v2 or v2beta1."""
    rows = _panels(page)
    spec = {
        "title": page["title"],
        "description": page["description"],
        "tags": page["tags"],
        "editable": page["editable"],
        "liveNow": page["liveNow"],
        "preload": False,
        "cursorSync": ("Off", "Crosshair", "Tooltip")[page["graphTooltip"]],
        "links": page["links"],
        "timeSettings": {
            "from": page["time"]["from"], "to": page["time"]["to"], "timezone": page["timezone"], "autoRefresh": page["refresh"],
            "autoRefreshIntervals": page["timepicker"]["refresh_intervals"], "hideTimepicker": False, "fiscalYearStartMonth": page["fiscalYearStartMonth"],
        },
        "annotations": [_mark(one) for one in page["annotations"]["list"]],
        "variables": [_variable(one) for one in page["templating"]["list"]],
        "elements": {_name(panel): _element(panel, version) for _, panels in rows for panel in panels},
        "layout": {"kind": "RowsLayout", "spec": {"rows": [_row(row, panels) for row, panels in rows if panels]}},
    }
    return {"apiVersion": f"dashboard.grafana.app/{version}", "kind": "Dashboard", "metadata": {"name": page["uid"]}, "spec": spec}
