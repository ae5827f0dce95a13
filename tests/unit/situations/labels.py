"""Label schemes: the target labels that the servers of a site have in Prometheus."""

from dataclasses import dataclass

PORTS = {
    "pg": 9630, "pgbouncer": 9631, "pgbackrest": 9854, "patroni": 8008, "haproxy": 9101, "vector": 9598, "node": 9100, "etcd": 2379,
}


@dataclass(frozen=True)
class Scheme:
    """A way to label targets, with labels that a site adds to all of its targets."""

    name: str
    title: str
    extra: tuple = ()

    def target(self, component, name, host, cluster):
        """The labels of one exporter; `name` is that of the server or pod that it watches."""
        instance = f"{host}:{PORTS[component]}"
        labels = dict(cls=cluster, ins=name, ip=host, instance=instance)
        match self.name:
            case "plain":
                labels = dict(job="postgres" if component == "pg" else component, instance=instance)
            case "pigsty":
                labels = dict(job=pigsty_job(component), **labels)
            case "pods":
                labels = dict(
                    job=f"db/{component}", namespace="db", pod=name, container=component, endpoint="metrics", instance=instance
                )
            case _:
                labels = dict(job=component, **labels)
        return labels | dict(self.extra)

    def with_labels(self, **extra):
        """This scheme at a site that adds labels."""
        return Scheme(self.name, self.title, self.extra + tuple(extra.items()))


def pigsty_job(component):
    """Pigsty has one job for all ports of a database and one for all ports of a host."""
    if component in ("node", "haproxy", "vector"):
        return "node"
    return "etcd" if component == "etcd" else "pgsql"


OURS = Scheme("ours", "cls, ins")
PLAIN = Scheme("plain", "job, instance")
PIGSTY = Scheme("pigsty", "Pigsty")
PODS = Scheme("pods", "PodMonitor")
EXTRA = Scheme("extra", "extra labels", (("cluster", "eu-1"), ("region", "eu")))
FOUR = (OURS, PLAIN, PIGSTY, PODS)


@dataclass(frozen=True)
class Site:
    """The servers of one label scheme in a situation. Label values may name its fields in braces."""

    scheme: Scheme
    number: int

    def fill(self, text):
        """The text with the names and addresses of this site."""
        if "{" not in text:
            return text
        return text.format(cluster=f"pg-{self.scheme.name}", network=f"10.{self.number}.0", site=self.number)
