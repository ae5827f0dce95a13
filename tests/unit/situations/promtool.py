"""Situations and the files that promtool reads."""

import json
import re
from pathlib import Path

from labels import OURS, Site
from targets import Other
from values import notation

RULES = Path(__file__).resolve().parents[3] / "alerts"
# All that fires is compared, so nothing may fire beside what is expected. Watchdog always fires.
FIRING = 'count by (alertname, severity) (ALERTS{alertstate="firing",alertname!="Watchdog"})'


def groups():
    """The groups of rules, those first whose recordings others read: else a rule reads what is one evaluation old."""
    files = sorted(RULES.glob("*.yml"), key=lambda file: (not file.name.startswith("rules-"), file.name != "node.yml", file.name))
    return [name for file in files for name in re.findall(r"^  - name: (.+)$", file.read_text(), re.MULTILINE)]


class Situation:
    """What exporters show over time at each of some sites, and the alerts that fire then at each of them."""

    def __init__(self, name, schemes, every, step):
        self.name, self.schemes, self.every, self.step = name, schemes, every, step
        self.targets, self.checks = [], []

    def add(self, *targets):
        """Adds targets, and returns the first."""
        self.targets.extend(targets)
        return targets[0]

    def threshold(self, alert, severity, value):
        """Records a threshold of the cluster's own."""
        recorded = Other(None, 0, labels=dict(cls="{cluster}", severity=severity))
        recorded.series = {(f"pg:threshold:{alert}", ()): value}
        self.add(recorded)

    def expect(self, minute, *alerts):
        """Expects alerts at a minute: name, severity, and their number at each site where it is not 1."""
        # Prometheus finds no sample that is 5 minutes old or older.
        assert minute % self.every < 5, f"{self.name}: no rule is evaluated shortly before minute {minute}"
        self.checks.append((minute, [(*alert.split(), 1)[:3] for alert in alerts]))
        return self

    def alerts(self):
        """The alerts that fire at one time or another, each with its severity."""
        return list(dict.fromkeys(f"{name} {severity}" for _, alerts in self.checks for name, severity, _ in alerts))

    def test(self):
        """The test as promtool reads it."""
        end, sites = self.checks[-1][0], [Site(scheme, number) for number, scheme in enumerate(self.schemes)]
        series = {}
        for site in sites:
            for target in self.targets:
                for (metric, own), value in target.series.items():
                    labels = target.target_labels(site) | {name: site.fill(text) for name, text in own}
                    pairs = ",".join(f'{name}="{text}"' for name, text in labels.items())
                    key = f"{metric}{{{pairs}}}"
                    assert key not in series, f"{self.name}: {key} is there twice"
                    series[key] = notation(value, end, self.step, site.number)
        return dict(
            name=self.name,
            interval=f"{self.step * 60:g}s",
            input_series=[dict(series=name, values=text) for name, text in series.items()],
            promql_expr_test=[self.check(minute, alerts, len(sites)) for minute, alerts in self.checks],
        )

    def check(self, minute, alerts, sites):
        """The firing alerts at a minute, as promtool reads them."""
        samples = [
            dict(labels=f'{{alertname="{name}",severity="{severity}"}}', value=int(count) * sites)
            for name, severity, count in alerts
        ]
        # promtool writes the expression of a check that fails, and not the name of the test.
        return dict(expr=f"{FIRING} # {self.name}", eval_time=f"{minute}m", exp_samples=samples)


class Area:
    """The situations of one subject."""

    def __init__(self, name, title):
        self.name, self.title, self.situations = name, title, []

    def situation(self, name, schemes=(OURS,), every=1, step=1):
        """A new situation; `every` and `step` are minutes between evaluations of the rules and between samples."""
        self.situations.append(Situation(name, schemes, every, step))
        return self.situations[-1]

    def write(self, folder):
        """Writes a file for each evaluation interval. YAML contains JSON."""
        for every in sorted({situation.every for situation in self.situations}):
            tests = [situation.test() for situation in self.situations if situation.every == every]
            file = dict(
                rule_files=[f"{RULES}/*.yml"], evaluation_interval=f"{every}m", group_eval_order=groups(), tests=tests
            )
            (folder / f"{self.name}_{every}m.yml").write_text(json.dumps(file, indent=1))

    def table(self):
        """The situations as a Markdown table."""
        rows = [f"## {self.title}", "", "| situation | labels | alerts |", "|---|---|---|"]
        for situation in self.situations:
            schemes = "; ".join(scheme.title for scheme in situation.schemes)
            rows.append(f"| {situation.name} | {schemes} | {', '.join(situation.alerts()) or 'none'} |")
        return "\n".join(rows) + "\n"
