"""PgBouncer as a healthy exporter shows it."""

from targets import Target

DATABASE = dict(datname="app", host="10.0.0.1", port="5432", real_datname="app")


def pool(user, database="app", mode="transaction"):
    """The labels of a pool."""
    return dict(datname=database, user=user, pool_mode=mode)


class Pooler(Target):
    """A PgBouncer with two pools of one database. One exporter with several of them tells them apart by `target`."""

    def __init__(self, number, target=None):
        super().__init__("pgbouncer", number, labels=dict(target=target) if target else None)
        self.set("pgbouncer_up", 1)
        for user, active in (("app", 3), ("web", 2)):
            self.pool(user, active_servers=active, idle_servers=4, maxwait_seconds=0, waiting_clients=0)
        self.set("pgbouncer_pool_maxwait_seconds", 0, **pool("pgbouncer", "pgbouncer", "statement"))
        for metric, value in (("pool_size", 20), ("paused", 0), ("disabled", 0)):
            self.set(f"pgbouncer_database_{metric}", value, **DATABASE)
        self.set("pgbouncer_list_items", 200, list="used_clients").set("pgbouncer_list_items", 50, list="free_clients")
        self.set("pgbouncer_setting_max_client_conn", 1000)
        self.set("pgbouncer_state_paused", 0).set("pgbouncer_state_active", 1)

    def pool(self, user, mode="transaction", **values):
        """Sets values of a pool."""
        for metric, value in values.items():
            self.set(f"pgbouncer_pool_{metric}", value, **pool(user, mode=mode))
        return self

    def database(self, metric, value):
        """Sets a value of the database."""
        return self.set(f"pgbouncer_database_{metric}", value, **DATABASE)


def pair(situation):
    """Two PgBouncers."""
    first, second = Pooler(1), Pooler(2)
    situation.add(first, second)
    return first, second
