"""Forms of PromQL that several pages need."""


def ranked(count, shown, over_range):
    """The series of `shown` that are the highest by `over_range`, which is ranked once, at the end of the range: a topk of its
    own at each step would draw whatever was among the first at any moment. Windows of `over_range` end with `@ end()`."""
    return f"({shown}) and topk({count}, {over_range})"


def top_rates(count, counter, *labels):
    """The counters, summed by labels, that grew most in the range, as rates."""
    by = ", ".join(labels)
    return ranked(count, f"sum by ({by}) (rate({counter}[R]))", f"sum by ({by}) (increase({counter}[$__range] @ end()))")


def top_values(count, gauge, *labels):
    """The gauges, summed by labels, that were highest on average in the range."""
    by = ", ".join(labels)
    return ranked(count, f"sum by ({by}) ({gauge})", f"sum by ({by}) (avg_over_time({gauge}[$__range] @ end()))")


def counted(series, of):
    """How many series there are; 0 while `of` has any, and nothing without: what is not monitored is not shown as healthy."""
    return f"count({series}) or 0 * count({of})"
