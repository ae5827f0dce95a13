"""Values of series over time: a number, a `Rise`, or a dictionary of these by the minute from which they hold.

`None` as a value says that the series has ended, `GAP` that Prometheus takes no samples.
"""

from typing import NamedTuple


GAP = "gap"


class Rise(NamedTuple):
    """A value that changes by the same amount each minute."""

    first: float
    per_minute: float

    def after(self, minutes):
        """The rise as it goes on after some minutes."""
        return Rise(self.first + self.per_minute * minutes, self.per_minute)


class Distinct(NamedTuple):
    """A number that differs from site to site."""

    number: float


def segments(value):
    """The value as a sorted list of the minute from which it holds, and the value."""
    return sorted(value.items()) if isinstance(value, dict) else [(0, value)]


def changed(value, minute, later):
    """The value until a minute, and another one from there."""
    return {start: part for start, part in segments(value) if start < minute} | {minute: later}


def continued(value, minute):
    """The value that holds at the end, as it goes on from a minute."""
    start, last = segments(value)[-1]
    return last.after(minute - start) if isinstance(last, Rise) else last


def between(value, start, end):
    """The value from one minute until another."""
    if isinstance(value, dict):
        return value
    return {start: value} | ({} if end is None else {end: None})


def turns(start, end, period, *parts):
    """Values that take turns in each period: pairs of minutes after its start and a value."""
    return {minute + offset: part for minute in range(start, end, period) for offset, part in parts}


def steps(start, end, period, first, per_minute):
    """A value that is set again each period, as a time of the last reset is."""
    return {minute: first + per_minute * minute for minute in range(start, end, period)}


def number(value):
    """A number as promtool reads it."""
    return str(int(value)) if value == int(value) else repr(value)


def notation(value, end, step, site=0):
    """The values from minute 0 to `end` in promtool's notation, with a sample each `step` minutes."""
    parts, runs = segments(value), []
    for minute in (sample * step for sample in range(int(end / step) + 1)):
        index = sum(start <= minute for start, _ in parts) - 1
        if runs and runs[-1][0] == index:
            runs[-1][2] += 1
        else:
            runs.append([index, minute, 1])
    return " ".join(run_notation(parts, run, step, site) for run in runs)


def run_notation(parts, run, step, site):
    """Samples of one segment in promtool's notation: `AxN` stands for N + 1 samples, `_xN` for N."""
    index, minute, count = run
    start, value = parts[index] if index >= 0 else (0, GAP)
    if value in (None, GAP):
        before = value is None and index > 0 and parts[index - 1][1] is not None
        gap = count - 1 if before else count
        return " ".join(["stale"] * before + [f"_x{gap}"] * (gap > 0))
    if isinstance(value, Rise):
        value, growth = value.after(minute - start)
        growth *= step
    else:
        value, growth = value.number + 100_000 * site if isinstance(value, Distinct) else value, 0
    return f"{number(value)}{'+' if growth >= 0 else ''}{number(growth)}x{count - 1}"
