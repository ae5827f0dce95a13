"""DB load, the average number of sessions that execute a statement: from the exporter's samples of every second, else from
pg_stat_activity at each scrape.

Its counter pg_db_active_time adds a statement's time when it ends: nothing during a pile-up, all of it afterwards.
"""

from panels import graph

SECONDS = "pg_session_seconds_total"
SESSIONS = "pg_activity_wait_sessions"
# As the exporter defines load for all other metrics of samples.
IS_LOAD = 'state=~"active|fastpath function call",wait_event_type!~"Activity|Client|Timeout"'

COLORS = {
    "Running": "green", "IO": "blue", "Lock": "red", "LWLock": "orange", "IPC": "purple", "Client": "light-blue", "Timeout": "text",
    "Extension": "yellow", "BufferPin": "super-light-purple", "Buffer": "super-light-purple", "CPU cores": "dark-red",
}

MEANING = ("Sessions that execute a statement, by what they wait for, sampled every second, or at each scrape where sampling is off. "
           "Running: on a CPU or waiting for one. Lock: blocked by another session. IO: storage. LWLock: internal contention.")

# Only the types that occurred: the others would fill the legend with zeros.
OCCURRED = (f"sum by (event) (sum_over_time({SESSIONS}{{@who}}[$__range] @ end())) > 0 or "
            f'sum by (event) (label_replace(increase({SECONDS}{{@who}}[$__range] @ end()), "event", "$1", "wait_event_type", "(.+)")) > 0')
# As above, one sample a minute and the last one, where all servers together would be too many samples.
OCCURRED_SAMPLED = (f"max_over_time(sum by (event) ({SESSIONS}{{@who}})[$__range:1m] @ end()) > 0 or "
                    f"sum by (event) ({SESSIONS}{{@who}} @ end()) > 0")


def load(who, *labels):
    """The load by labels of the target, or by `event`, the type of wait event."""
    by = ", ".join(labels)
    sampled = f"rate({SECONDS}{{{who},{IS_LOAD}}}[R])"
    if "event" in labels:
        sampled = f'label_replace({sampled}, "event", "$1", "wait_event_type", "(.+)")'
    # An instance has either.
    return f"(sum by ({by}) ({sampled}) or sum by ({by}) (avg_over_time({SESSIONS}{{{who}}}[R]) unless on (ins) {SECONDS}{{{who}}}))"


def load_by_wait(who, title="DB load by wait event type (avg active sessions)", *, sampled=False, link=None, w=12, h=9):
    """The load by type of wait event with the CPU cores as a line; `sampled` once a minute, for many servers."""
    sessions = f"sum by (event) ({SESSIONS}{{{who}}})" if sampled else load(who, "event")
    occurred = (OCCURRED_SAMPLED if sampled else OCCURRED).replace("@who", who)
    text = f"{MEANING} Above the CPU cores, sessions wait for a CPU or for each other: the largest area is where to look."
    return graph(title, text, (f"{sessions} and ({occurred})", "{{event}}"), (f'count(node_cpu_seconds_total{{{who},mode="idle"}})', "CPU cores"),
                 unit="short", stack=True, over="^CPU cores$", colors=COLORS, least_step="1m" if sampled else None, link=link,
                 none="No session executed a statement at a scrape", w=w, h=h)
