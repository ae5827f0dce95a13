"""DB load, the average number of sessions that execute a statement, from samples of pg_stat_activity at each scrape.

Its counter pg_db_active_time adds a statement's time when it ends: nothing during a pile-up, all of it afterwards.
"""

from panels import graph

SESSIONS = "pg_activity_wait_sessions"

COLORS = {
    "Running": "green", "IO": "blue", "Lock": "red", "LWLock": "orange", "IPC": "purple", "Client": "light-blue", "Timeout": "text",
    "Extension": "yellow", "BufferPin": "super-light-purple", "Buffer": "super-light-purple", "CPU cores": "dark-red",
}

MEANING = ("Sessions that execute a statement, by what they wait for, counted at each scrape. Running: on a CPU or waiting for one. "
           "Lock: blocked by another session. IO: storage. LWLock: internal contention. Client: the application reads or sends slowly.")

# Only the types that occurred: the others would fill the legend with zeros.
OCCURRED = f"sum by (event) (sum_over_time({SESSIONS}{{@who}}[$__range] @ end())) > 0"
# As above, one sample a minute, where all servers together would be too many samples.
OCCURRED_SAMPLED = f"max_over_time(sum by (event) ({SESSIONS}{{@who}})[$__range:1m] @ end()) > 0"


def load(who, *labels):
    """The load by labels of the target."""
    return f"sum by ({', '.join(labels)}) (avg_over_time({SESSIONS}{{{who}}}[R]))"


def load_by_wait(who, title="DB load by wait event type (avg active sessions)", *, sampled=False, link=None, w=12, h=9):
    """The load by type of wait event with the CPU cores as a line; `sampled` once a minute, for many servers."""
    sessions = f"sum by (event) ({SESSIONS}{{{who}}})" if sampled else load(who, "event")
    occurred = (OCCURRED_SAMPLED if sampled else OCCURRED).replace("@who", who)
    text = f"{MEANING} Above the CPU cores, sessions wait for a CPU or for each other: the largest area is where to look."
    return graph(title, text, (f"{sessions} and ({occurred})", "{{event}}"), (f'count(node_cpu_seconds_total{{{who},mode="idle"}})', "CPU cores"),
                 unit="short", stack=True, over="^CPU cores$", colors=COLORS, least_step="1m" if sampled else None, link=link,
                 none="No session executed a statement at a scrape", w=w, h=h)
