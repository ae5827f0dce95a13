"""One exporter that Prometheus scrapes, at each site of a situation, and its series."""

from values import changed, continued


class Target:
    """The series of one exporter. `component` selects its port; `name` and `host` hold fields of the site in braces."""

    def __init__(self, component, number, cluster="{cluster}", name=None, host=None, labels=None):
        self.component, self.cluster, self.labels = component, cluster, labels or {}
        self.name = name or f"{cluster}-{number}"
        self.host = host or f"{{network}}.{number}"
        self.series = {}
        self.set("up", 1)

    def set(self, metric, value, **own):
        """Gives a series its values, whatever it had before."""
        self.series[metric, tuple(sorted(own.items()))] = value
        return self

    def change(self, minute, metric, value, **own):
        """Gives a series another value from a minute on."""
        key = metric, tuple(sorted(own.items()))
        return self.set(metric, changed(self.series[key], minute, value), **own)

    def select(self, prefix, **own):
        """The keys of all series whose name starts with the prefix and which have these labels."""
        return [key for key in self.series if key[0].startswith(prefix) and own.items() <= dict(key[1]).items()]

    def drop(self, *prefixes):
        """Removes the series whose names start with one of the prefixes."""
        for prefix in prefixes:
            for key in self.select(prefix):
                del self.series[key]
        return self

    def end(self, minute, prefix, **own):
        """Ends series at a minute."""
        for key in self.select(prefix, **own):
            self.series[key] = changed(self.series[key], minute, None)
        return self

    def lose_page(self, minute, back=None):
        """Ends all series but `up` at a minute, and continues them at another."""
        for key, value in self.series.items():
            if key[0] != "up":
                self.series[key] = changed(value, minute, None) | ({back: continued(value, back)} if back else {})

    def unreachable(self, minute=10, back=None):
        """Scrapes fail from a minute on, until another."""
        self.lose_page(minute, back)
        return self.set("up", {0: 1, minute: 0} | ({back: 1} if back else {}))

    def vanish(self, minute=10):
        """The target is no longer discovered."""
        self.lose_page(minute)
        return self.set("up", {0: 1, minute: None})

    def appear(self, minute):
        """The target is discovered at a minute, and has only the values from then on."""
        for key, value in self.series.items():
            self.series[key] = {minute: continued(value, minute)}
        return self

    def target_labels(self, site):
        """The labels of the target at a site."""
        names = (site.fill(text) for text in (self.name, self.host, self.cluster))
        return site.scheme.target(self.component, *names) | self.own_labels(site)

    def own_labels(self, site):
        """The labels that only this target has."""
        return {name: site.fill(value) for name, value in self.labels.items()}


class Other(Target):
    """A target with the same labels in every label scheme, as a probe has."""

    def target_labels(self, site):
        return self.own_labels(site)
