"""What to do next: findings by rule, each with its evidence and an advice."""

from page import Page
from panels import graph
from parts import exactly
from rules import column, texts_of
from tables import Column, table

PRIORITY = [{"type": "value", "options": {"1": {"text": "1 high", "index": 0}, "2": {"text": "2 medium", "index": 1}, "3": {"text": "3 low", "index": 2}}}]

page = Page("tuning", "What to change next, by rule: each row is a finding with its evidence in the selected range and what to do. Select a range with the usual workload, at least some hours.",
            scope="cluster", tags=["pg-cluster"])

advice = table(
    "Findings", "Start at the top. Priority 1 endangers data or availability, 2 costs time, 3 is a habit to keep. A finding disappears when its cause is gone from the selected range.",
    ["priority", "finding", "ins", "datname", "relname", "idxname", "advice"],
    Column("Share", column("share"), "percentunit", decimals=1),
    Column("Size", column("size"), "bytes"),
    Column("Time", column("time"), "s"),
    Column("Count", column("count"), "short", decimals=0),
    sort="Priority", headings={"relname": "Table or object"},
    links={"ins": ("instance", "ins"), "datname": ("database", "ins", "datname"), "relname": ("table", "ins", "datname", "relname"), "idxname": ("table", "ins", "datname", "relname")},
    maps={"priority": PRIORITY, "finding": texts_of("finding"), "advice": texts_of("advice")},
    widths={"priority": 85, "finding": 310, "ins": 100, "datname": 90, "relname": 190, "idxname": 170}, none="None: no rule finds anything in this time range", h=14)
for heading in ("Finding", "What to do"):
    # Sentences that no column has room for.
    advice["fieldConfig"]["overrides"].append(exactly(heading, [("custom.wrapText", True)]))
for heading in ("Share", "Size", "Time", "Count"):
    advice["fieldConfig"]["overrides"].append(exactly(heading, [("custom.width", 80)]))
page.row(None, advice)
page.row(
    "Evidence over time",
    graph("Requested checkpoints per hour", "Checkpoints that max_wal_size or a command started. Raise max_wal_size until there are none.",
          ("sum by (ins) (rate(pg_checkpointer_req{@cls}[R])) * 3600", "{{ins}}"), unit="short", link=("persist", "ins")),
    graph("Temp file bytes", "Bytes per second that sorts and hashes spilled to disk, by database.",
          ("sum by (ins, datname) (rate(pg_db_temp_bytes{@cls}[R])) > 0", "{{ins}} {{datname}}"), unit="Bps", link=("database", "ins", "datname"), none="None in this time range"),
    graph("Buffer cache hit ratio", "Block requests served from shared buffers, by database.",
          ("sum by (ins, datname) (rate(pg_db_blks_hit{@cls}[R])) / (sum by (ins, datname) (rate(pg_db_blks_access{@cls}[R])) > 100)", "{{ins}} {{datname}}"), unit="percentunit", top=1,
          link=("database", "ins", "datname"), none="No database reads more than 100 blocks/s"),
    graph("Buffers written by process", "Sessions that write buffers themselves wait for storage: raise bgwriter_lru_maxpages, or add memory.",
          ('sum by (type) (rate(pg_io_writes{@cls,object="relation"}[R])) > 0', "{{type}}"), unit="ops", stack=True, none="Needs PostgreSQL 16+, or no writes"),
    graph("Longest idle in transaction", "Longest time that a session is idle in an open transaction.",
          ('max by (ins) (pg_activity_max_duration{@cls,state=~"idle in transaction.*"})', "{{ins}}"), unit="s", link=("activity", "ins")),
    graph("Size of indexes without use", "Size of unused, duplicate and invalid indexes of the primary.",
          ("sum by (ins) ((pg_index_waste_unused_bytes{@cls} + pg_index_waste_duplicate_bytes{@cls} + pg_index_waste_prefix_bytes{@cls} + pg_index_waste_invalid_bytes{@cls}) and on (ins) pg_in_recovery{@cls} == 0)", "{{ins}}"),
          unit="bytes", link=("table", "ins")),
)
