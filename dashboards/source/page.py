"""A page: the same skeleton for all, and the places of its panels."""

import re
from copy import deepcopy
from pathlib import Path

from panels import NEUTRAL, alerts, graph, stat
from parts import DATASOURCE, exactly, identity, links, step_list
from thresholds import ANY_IS_BAD, SCRAPE, above
from titles import PREFIX, SUITE, TAG, TITLES

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 24
# The panels are written as this release saved them, so that it and later ones migrate none of what is older.
OLDEST_GRAFANA = "11.0.0"
LEVELS = ["overview", "cluster", "instance", "database"]
# Labels of targets, from the scrape configuration: cls is the cluster, ins one of its servers. They find their series without
# the label job, because each exporter of a server usually has a job of its own, and a site may write job in the place of cls.
SELECTORS = {
    "fleet": {"@cls": 'cls=~"$cls"'},
    "cluster": {"@cls": 'cls="$cls"'},
    "instance": {"@cls": 'cls="$cls"', "@ins": 'cls="$cls",ins="$ins"'},
}


def times_to_live():
    """Seconds for which each collector's result is cached, by metric, from the metric references."""
    found = {}
    for path in sorted((ROOT / "docs/reference").glob("metrics*.md")):
        seconds = 0
        for line in path.read_text().splitlines():
            if ttl := re.match(r"\| ttl \| (\d+) s", line):
                seconds = int(ttl[1])
            elif name := re.match(r"\| `(\w+)`", line):
                found[name[1]] = max(seconds, found.get(name[1], 0))
    return found


TIMES_TO_LIVE = times_to_live()


def source(name, label, kind):
    """A variable whose values are the data sources of a kind."""
    return {
        "type": "datasource", "name": name, "label": label, "query": kind, "current": {}, "refresh": 1, "regex": "",
        "hide": 0, "multi": False, "includeAll": False, "options": [],
    }


def variable(name, label, query, *, all_value=None, multi=False, hide=0):
    """A variable whose values are those of a label."""
    made = {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "definition": query,
        # 1 is a query of the values of a label.
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "hide": hide,
        "multi": multi,
        "includeAll": all_value is not None or multi,
        "options": [],
    }
    if all_value is not None:
        made["allValue"] = all_value
    if made["includeAll"]:
        made["current"] = {"selected": True, "text": ["All"] if multi else "All", "value": ["$__all"] if multi else "$__all"}
    return made


def annotation(name, color, expr, text, at_value=False, enable=True):
    """Marks on the time axis; with `at_value` the query gives the time, in milliseconds."""
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": enable,
        "hide": False,
        "iconColor": color,
        "target": {"refId": "Anno", "editorMode": "code", "expr": expr},
        "titleFormat": name,
        "textFormat": text,
        "useValueForTime": "on" if at_value else "off",
    }


class Page:
    """One dashboard. Rows are added from the top down; `json` gives the document."""

    def __init__(self, name, text, *, scope, of="pg_up", variables=(), tags=(), refresh="", annotations=(), stores=()):
        self.name, self.title, self.text, self.scope, self.of = name, SUITE + TITLES[name], text, scope, of
        self.variables, self.tags, self.refresh, self.annotations, self.stores = variables, tags, refresh, annotations, stores
        self.rows = []

    def row(self, title, *panels, collapsed=False):
        """A row of panels under a title; None for the panels at the top, which have no title."""
        self.rows.append((title, panels, collapsed))

    def scoped(self, text):
        """The text with its selectors written out."""
        for short, long in SELECTORS[self.scope].items():
            text = re.sub(re.escape(short) + r"\b", lambda _: long, text)
        return text.replace("[R]", "[$__rate_interval]")

    def _ready(self, panel, place, row):
        panel = {**deepcopy(panel), "id": identity(f"{row}/{panel['title']}"), "gridPos": place, "pluginVersion": OLDEST_GRAFANA}
        panel["targets"] = [target | {"expr": self.scoped(target["expr"])} for target in panel["targets"]]
        for link in links(panel):
            link["url"] = self._kept(link["url"])
        names = {name for target in panel["targets"] for name in re.findall(r"\w+", target["expr"])}
        slowest = max((TIMES_TO_LIVE.get(name, 0) for name in names), default=0)
        # A rate needs two results in its window, and the window is four times this.
        step = "5m" if slowest >= 300 else "1m" if slowest >= 60 else None
        if step is not None:
            # On the query, since a panel's own least interval does not widen $__rate_interval.
            panel["targets"] = [target | {"interval": step} for target in panel["targets"]]
        return panel

    def _kept(self, url):
        """The address with the variables of this page that the clicked item does not set."""
        here = [] if self.scope == "fleet" else ["cls", *(["ins"] if self.scope == "instance" else []), *(name for name, *_ in self.variables if name == "datname")]
        return url.replace("@kept", "".join(f"&${{{name}:queryparam}}" for name in here if f"var-{name}=" not in url))

    def _placed(self, panels, y, row):
        placed, x, height = [], 0, 0
        for panel in panels:
            w, h = panel["gridPos"]["w"], panel["gridPos"]["h"]
            if x + w > WIDTH:
                x, y, height = 0, y + height, 0
            placed.append(self._ready(panel, {"x": x, "y": y, "w": w, "h": h}, row))
            x, height = x + w, max(height, h)
        return placed, y + height

    def _panels(self):
        made, y = [], 0
        for title, panels, collapsed in [*self.rows, self._quality()]:
            panels = [one for panel in panels for one in self._with_labels(panel)]
            row = None
            if title is not None:
                row = {"type": "row", "title": title, "id": identity(f"row/{title}"), "collapsed": collapsed, "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": 1}, "panels": []}
                made.append(row)
                y += 1
            placed, end = self._placed(panels, y, title)
            if collapsed:
                row["panels"] = placed
            else:
                made += placed
                y = end
        return made

    def _with_labels(self, panel):
        """The panel; beside a history of alerts as wide as the page the tile with the targets that lack labels, unless the page
        has it elsewhere."""
        if panel["title"] != ALERT_HISTORY or panel["gridPos"]["w"] < WIDTH or self._has(UNLABELLED):
            return [panel]
        h = panel["gridPos"]["h"]
        return [panel | {"gridPos": {"w": WIDTH - 4, "h": h}}, unlabelled(self.targets, h)]

    def _has(self, title, width=0):
        """Whether a row has a panel with this title that is at least so wide."""
        return any(panel["title"] == title and panel["gridPos"]["w"] >= width for _, row, _ in self.rows for panel in row)

    def _quality(self):
        """The last row of every page: whether the panels above can be trusted."""
        who = "@ins" if "@ins" in SELECTORS[self.scope] else "@cls"
        exporters = ("pg", "pgbouncer", "pgbackrest")
        failing = " or ".join(f"{one}_exporter_collector_success{{{who}}} == 0" for one in exporters)
        ages = " or ".join(f"{one}_exporter_collector_age_seconds{{{who}}}" for one in exporters)
        panels = (
            stat("Scrape targets down", "Prometheus targets that could not be scraped. Empty panels above may be blind spots, not good news.",
                 (f"count(up{{{who}}} == 0) or vector(0)", ""), unit="short", steps=ANY_IS_BAD, link="exporter", w=6),
            stat("Failing collectors", "Collectors whose last run failed. Only their own metrics are missing; the Exporters dashboard shows the reason.",
                 (f"count({failing}) or vector(0)", ""), unit="short", steps=ANY_IS_BAD, link="exporter", w=6),
            stat("Oldest cached result", "Age of the oldest metric shown. Slow collectors and databases without activity are cached for up to 5 minutes, and longer with dozens of such databases. Anything else that is older is failing.",
                 (f"max({ages})", ""), unit="s", steps=above((600, 1800)), link="exporter", w=6),
            stat("Scrape duration / timeout", "Slowest scrape as % of a scrape timeout of 10 s, which is assumed. Above 80 % the exporter starts dropping results.",
                 (f"max(scrape_duration_seconds{{{who}}}) / 10", ""), unit="percentunit", steps=above(SCRAPE), link="exporter", w=6),
        )
        if not self._has(UNLABELLED) and not self._has(ALERT_HISTORY, WIDTH):
            panels = [panel | {"gridPos": {"w": 5, "h": 4}} for panel in panels] + [unlabelled(self.targets, 4)]
        return ("Monitoring health", panels, True)

    def targets(self, *matchers):
        """The series that a target of this page has; a page of several programs gives a pattern of names."""
        named = "|" in self.of
        inside = ",".join([f'__name__=~"{self.of}"'] * named + list(matchers))
        return ("" if named else self.of) + (f"{{{inside}}}" if inside else "")

    def _variables(self):
        own = [source("datasource", "Data source", "prometheus"), *(source(*store) for store in self.stores)]
        own.append(variable("cls", "Cluster", f"label_values({self.targets()}, cls)", multi=self.scope == "fleet"))
        if self.scope == "instance":
            here = self.targets('cls="$cls"')
            own.append(variable("ins", "Instance", f"label_values({here}, ins)"))
        return own + [variable(name, label, self.scoped(query), **more) for name, label, query, more in self.variables]

    def _links(self):
        kept = {"keepTime": True, "includeVars": True, "targetBlank": False, "icon": "dashboard", "asDropdown": False, "tags": [], "tooltip": ""}
        direct = [kept | {"type": "link", "title": TITLES[name], "url": f"/d/{PREFIX}{name}"} for name in LEVELS if name != self.name]
        everything = kept | {"type": "dashboards", "title": "PostgreSQL", "tags": [TAG], "asDropdown": True, "icon": "external link", "url": ""}
        return [*direct, everything]

    def json(self):
        """The document in Grafana's classic JSON model."""
        builtin = {
            "builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True, "hide": True,
            "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard",
        }
        marks = [mark | {"target": mark["target"] | {"expr": self.scoped(mark["target"]["expr"])}} for mark in self.annotations]
        return {
            "uid": PREFIX + self.name,
            "id": None,
            "title": self.title,
            "description": self.text,
            "tags": [TAG, *self.tags],
            "schemaVersion": 42,
            "editable": False,
            "graphTooltip": 1,
            "fiscalYearStartMonth": 0,
            "weekStart": "",
            "timezone": "browser",
            "time": {"from": "now-3h", "to": "now"},
            "timepicker": {"refresh_intervals": ["15s", "30s", "1m", "5m", "15m", "1h"]},
            "refresh": self.refresh,
            "liveNow": False,
            "links": self._links(),
            "annotations": {"list": [builtin, *marks]},
            "templating": {"list": self._variables()},
            "panels": self._panels(),
        }


# Panels, annotations and notes that several pages share.

# Why the load of a pile-up shows only when it is over.
LATE = "Session time is recorded when a transaction ends, so a pile-up shows late."
CHECKPOINT = "max_wal_size reached, or CHECKPOINT issued"


def alerts_firing(who="@cls", w=4, h=4):
    """The tile with firing alerts."""
    return alerts("Firing alerts", "Firing alerts for this scope. Open the alert list for the runbook.", who, link="overview", w=w, h=h)


ALERT_HISTORY = "Alert history"
UNLABELLED = "Unlabeled targets"


def unlabelled(of, h, w=4):
    """A tile with the targets of which a page may show several as one, because they lack the labels that tell them apart."""
    lacking = " or ".join(of(f'{label}=""') for label in ("cls", "ins"))
    made = stat(UNLABELLED, "Scrape targets without the label cls or ins: pages show all of them as one. Set the labels in the scrape configuration, or write pages for the labels that your targets have: pg-exporter mixin.",
                (f"count({lacking}) or 0 * count({of()})", "Without"), (f"count({of()})", "All targets"), unit="short", steps=[(NEUTRAL, None), ("orange", 1)], w=w, h=h)
    # The number of all is not a fault.
    made["fieldConfig"]["overrides"] = [exactly("All targets", [("thresholds", step_list([(NEUTRAL, None)]))])]
    made["options"] |= {"colorMode": "value"}
    return made


def alerts_over_time(who="@cls", w=24, h=6):
    """When alerts began, over the axis that all graphs share."""
    return graph(ALERT_HISTORY, "Firing alerts over time. The first to fire is usually the cause.",
                 (f'sum by (alertname, severity) (ALERTS{{{who},alertstate="firing"}})', "{{alertname}} ({{severity}})"),
                 unit="short", stack=True, bars=True, none="No alert fired in this time range", w=w, h=h)


def marks(who="@ins", enable=True):
    """Annotations for what changes an instance: its role, a restart, a configuration reload. Of many servers they are a forest,
    so that a page of them has them off at first."""
    return [
        annotation("Failover / role change", "purple", f"pg_in_recovery{{{who}}} != pg_in_recovery{{{who}}} offset 1m", "{{ins}}", enable=enable),
        annotation("PostgreSQL restart", "red", f"pg_boot_time{{{who}}} * 1000", "{{ins}} started", at_value=True, enable=enable),
        # Off until it is switched on: where a program reloads every few minutes they are a forest.
        annotation("Configuration reload", "blue", f"pg_reload_time{{{who}}} * 1000", "{{ins}} reloaded its configuration", at_value=True, enable=False),
    ]


# The states of pg_wal_dir_bytes.
WAL_PURPOSES = {"recovery": "crash recovery", "kept": "retained", "spare": "spare (recycled)", "other": "other"}


def pg_wal(who="@ins", w=8):
    """The size of the WAL directory by what its files are for."""
    legend = (lambda purpose: f"{{{{ins}}}} {purpose}") if who == "@cls" else str.capitalize
    queries = ((f'sum by (ins) (pg_wal_dir_bytes{{{who},state="{state}"}})', legend(purpose)) for state, purpose in WAL_PURPOSES.items())
    return graph("pg_wal by purpose", "WAL that crash recovery needs; WAL retained by wal_keep_size, slots or a failing archiver; files ready for reuse.",
                 *queries, unit="bytes", stack=True, w=w)
