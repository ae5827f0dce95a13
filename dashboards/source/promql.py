"""Forms of PromQL that several pages need."""


def ranked(count, shown, over_range):
    """The series of `shown` that are the highest by `over_range`, which is ranked once, at the end of the range: a topk of its
    own at each step would draw whatever was among the first at any moment. Windows of `over_range` end with `@ end()`."""
    return f"({shown}) and topk({count}, {over_range})"


def counted(series, of):
    """How many series there are; 0 while `of` has any, and nothing without: what is not monitored is not shown as healthy."""
    return f"count({series}) or 0 * count({of})"
