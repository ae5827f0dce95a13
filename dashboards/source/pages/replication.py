"""Replication of one cluster: topology, lag by stage, and what retains WAL."""

from common import LATE_BY, NOT_STREAMING, SYNC_REQUIRED, SYNC_STATES, SYNC_STATUS, SYNC_STREAMING
from mappings import YES, texts
from page import Page, alerts_firing, alerts_over_time, marks
from panels import graph, names, stat, timeline
from promql import counted
from tables import Column, table
from thresholds import ANY_IS_BAD, ANY_IS_A_WARNING, LAG_BYTES, LAG_SECONDS, SLOT_BYTES, SLOT_SAFE_BYTES, XMIN, above, below

SENDER = texts(_0="green:streaming", _1="orange:startup", _2="orange:catchup", _3="blue:backup", _4="orange:stopping", minus1="red:other")
RECEIVER = texts(_0="green:streaming", _1="orange:starting", _4="orange:stopping", _5="orange:connecting", _6="orange:waiting", _7="orange:restarting", minus1="red:other")
SYNC = texts(_0="blue:async", _1="blue:potential", _2="green:sync", _3="green:quorum", minus1="red:other")
WAL = texts(_0="green:reserved", _1="blue:extended", _2="orange:unreserved", _3="red:lost", minus1="blue:none")
LOST = texts(_0="green:usable", _1="red:wal_removed", _2="red:rows_removed", _3="red:wal_level_insufficient", _4="red:idle_timeout")
SYNC_STATE = texts(r="green:ready", s="green:synchronized", f="blue:finished copy", d="orange:data copy", i="blue:initialize")
PAUSED = texts(_0="green:running", _1="orange:paused")
ACTIVE = texts(_0="blue:inactive", _1="green:active")
ARCHIVE_ONLY = texts(_0="transparent:no", _1="blue:yes")

page = Page("replication", "Standbys, slots and logical replication of one cluster.", scope="cluster", tags=["pg-cluster"], annotations=marks("@cls"))

page.row(
    None,
    names("Primary", "The instance that accepts writes.", "pg_in_recovery{@cls} == 0", "ins", none="No primary", link=("instance", "ins")),
    stat("WAL senders", "WAL senders by state. If catching up takes long, the network or the standby's disk is too slow.",
         ('sum(pg_downstream_count{@cls,state="streaming"})', "Streaming"), ('sum(pg_downstream_count{@cls,state="catchup"})', "Catching up"), unit="short", none="No standby"),
    stat("Standbys not streaming", "Standbys without a WAL receiver in state streaming. Check the standby's log, primary_conninfo, and for a lost slot. Standbys that follow the archive only do not count.",
         (counted(NOT_STREAMING, "pg_in_recovery{@cls}"), ""), unit="short", steps=ANY_IS_BAD),
    stat("Synchronous replication", "Whether commits wait for synchronous standbys, and as many are streaming. If blocked, every commit hangs.", (SYNC_STATUS, ""), unit="none", maps=SYNC_STATES, none="No primary"),
    stat("Max lag (bytes)", "WAL not yet replayed by the slowest standby.", ("max(pg_repl_replay_diff{@cls})", ""), unit="bytes", steps=above(LAG_BYTES), none="No standby"),
    alerts_firing(),
    stat("Max lag (time)", "Replay delay of the slowest standby beyond recovery_min_apply_delay, by the standby's clock.", (f"max({LATE_BY} and on (cls, ins) pg_in_recovery{{@cls}} == 1)", ""), unit="s", steps=above(LAG_SECONDS), none="No standby"),
    stat("Lost slots", "Slots invalidated: their consumer must be rebuilt.", (counted("pg_slot_wal_status{@cls} == 3", "pg_in_recovery{@cls}"), ""), unit="short", steps=ANY_IS_BAD),
    stat("Inactive slots", "Slots of the primary without a consumer: they retain WAL. Drop the ones no longer needed. Slots on standbys are meant for a failover and not counted.", (counted("pg_slot_active{@cls} == 0 and on (cls, ins) pg_in_recovery{@cls} == 0", "pg_in_recovery{@cls}"), ""), unit="short", steps=ANY_IS_A_WARNING),
    stat("Max WAL retained by a slot", "WAL that one replication slot retains.", ("max(pg_slot_retained_bytes{@cls})", ""), unit="bytes", steps=above(SLOT_BYTES), none="No replication slot"),
    stat("Min safe_wal_size", "WAL that can still be written before a slot is invalidated (max_slot_wal_keep_size). Below 0, the next checkpoint invalidates it.", ("min(pg_slot_safe_wal_size{@cls})", ""), unit="bytes", steps=below(SLOT_SAFE_BYTES), none="No max_slot_wal_keep_size, or no slot"),
    stat("Subscriptions down", "Subscriptions that are enabled without a running apply worker: check the server log.", (counted("pg_sub_enabled{@cls} == 1 and pg_sub_has_worker{@cls} == 0", "pg_in_recovery{@cls}"), ""), unit="short", steps=ANY_IS_BAD),
    alerts_over_time(),
)
page.row(
    "Topology",
    table("WAL senders (pg_stat_replication)", "WAL senders of all members, including cascading ones.", ["ins", "appname", "usename", "address"],
          Column("State", "max by (ins, appname, usename, address) (pg_repl_state{@cls})", maps=SENDER),
          Column("Sync state", "max by (ins, appname, usename, address) (pg_repl_sync_state{@cls})", maps=SYNC),
          Column("Unsent", "max by (ins, appname, usename, address) (pg_repl_sent_diff{@cls})", "bytes", above(LAG_BYTES)),
          Column("Unflushed", "max by (ins, appname, usename, address) (pg_repl_flush_diff{@cls})", "bytes", above(LAG_BYTES)),
          Column("Unreplayed", "max by (ins, appname, usename, address) (pg_repl_replay_diff{@cls})", "bytes", above(LAG_BYTES)),
          Column("Replay lag", "max by (ins, appname, usename, address) (pg_repl_replay_lag{@cls})", "s", above(LAG_SECONDS)),
          sort="Sender", headings={"ins": "Sender"}, links={"ins": ("instance", "ins")}, none="No WAL sender", h=5),
    table("Standbys", "How each standby gets WAL and replays it. One that follows the archive only is late by a WAL file; one with recovery_min_apply_delay is late on purpose.", ["ins"],
          Column("Archive only", "max by (ins) (pg_standby_archive_only{@cls})", maps=ARCHIVE_ONLY),
          Column("Apply delay", "max by (ins) (pg_standby_min_apply_delay_seconds{@cls})", "s"),
          Column("Replay delay", "max by (ins) (pg_lag{@cls} and on (cls, ins) pg_in_recovery{@cls} == 1)", "s"),
          Column("Replay", "max by (ins) (pg_is_wal_replay_paused{@cls} and on (cls, ins) pg_in_recovery{@cls} == 1)", maps=PAUSED),
          sort="Instance", links={"ins": ("instance", "ins")}, none="No standby", w=10, h=6),
    table("WAL receivers (pg_stat_wal_receiver)", "WAL receivers of the standbys.", ["ins", "sender_host", "sender_port", "slot_name"],
          Column("State", "max by (ins, sender_host, sender_port, slot_name) (pg_recv_state{@cls})", maps=RECEIVER),
          Column("Last message", "time() - max by (ins, sender_host, sender_port, slot_name) (pg_recv_msg_recv_time{@cls})", "s", above((30, 60))),
          sort="Receiver", headings={"ins": "Receiver"}, links={"ins": ("instance", "ins")}, none="No WAL receiver", w=14, h=6),
)
page.row(
    "Replication lag",
    graph("Lag by stage (bytes)", "Sum of all standbys. The stage where the gap opens is the bottleneck: sent = network, flush = standby disk, replay = long query, conflict or single-threaded replay.",
          ("sum(pg_repl_sent_diff{@cls})", "Sent"), ("sum(pg_repl_write_diff{@cls})", "Write"), ("sum(pg_repl_flush_diff{@cls})", "Flush"), ("sum(pg_repl_replay_diff{@cls})", "Replay"),
          unit="bytes", steps=above(LAG_BYTES), none="No standby"),
    graph("Replay lag by standby (bytes)", "WAL not yet replayed by each standby.", ("max by (ins, appname) (pg_repl_replay_diff{@cls})", "{{ins}} → {{appname}}"), unit="bytes", steps=above(LAG_BYTES), none="No standby"),
    graph("Lag by stage (time)", "Time until a commit is written, flushed and replayed by the slowest standby. Synchronous commits wait for the write or flush time.",
          ("max(pg_repl_write_lag{@cls})", "Write"), ("max(pg_repl_flush_lag{@cls})", "Flush"), ("max(pg_repl_replay_lag{@cls})", "Replay"), unit="s", steps=above(LAG_SECONDS), none="No standby, or no WAL activity"),
    graph("Replay delay (standby's view)", "Age of the last replayed transaction, by the standby's clock. Available when the primary is unreachable, too.", ("pg_lag{@cls} and on (cls, ins) pg_in_recovery{@cls} == 1", "{{ins}}"), unit="s", steps=above(LAG_SECONDS), link=("instance", "ins"), none="No standby"),
    graph("Estimated catch-up time", "Time until each standby has caught up at its current speed.",
          ("max by (ins, appname) (pg_repl_replay_diff{@cls}) / (-1 * max by (ins, appname) (deriv(pg_repl_replay_diff{@cls}[R])) > 0)", "{{ins}} → {{appname}}"), unit="s", none="No standby is catching up"),
    graph("WAL generated and replayed", "WAL per second that the primary generates and each standby replays. A peak usually explains a lag: a bulk load, an index build.",
          ("rate(pg_lsn{@cls}[R])", "{{ins}}"), unit="Bps", link=("instance", "ins")),
)
page.row(
    "Standbys",
    timeline("Timeline IDs", "All members should be on one timeline. A member on another one needs pg_rewind or a new base backup.", ("max by (ins) (pg_timeline_id{@cls})", "{{ins}}"), w=8),
    timeline("WAL replay state", "A forgotten pause: the standby's data gets old, and WAL fills its disk.", ("max by (ins) (pg_is_wal_replay_paused{@cls} and on (cls, ins) pg_in_recovery{@cls} == 1)", "{{ins}}"), maps=PAUSED, none="No standby", w=8),
    graph("Synchronous standbys: required vs. streaming", "Standbys that a commit waits for by synchronous_standby_names, and those of them that stream. Fewer streaming than required: commits hang.",
          (SYNC_STREAMING, "Streaming"), (SYNC_REQUIRED, "Required"), unit="short", over="^Required$", none="No primary"),
    graph("Recovery conflicts (cancelled queries)", "Queries per minute that replay cancelled on standbys, by cause. Snapshot: use hot_standby_feedback or a longer max_standby_streaming_delay.",
          ("sum(rate(pg_db_confl_confl_snapshot{@cls}[R])) * 60", "Snapshot"), ("sum(rate(pg_db_confl_confl_lock{@cls}[R])) * 60", "Lock"), ("sum(rate(pg_db_confl_confl_bufferpin{@cls}[R])) * 60", "Buffer pin"),
          ("sum(rate(pg_db_confl_confl_deadlock{@cls}[R])) * 60", "Deadlock"), unit="short", none="No standby"),
    graph("Recovery prefetch", "Blocks per second prefetched by replay, and blocks already in shared buffers.", ("sum by (ins) (rate(pg_recovery_prefetch_prefetch{@cls}[R]))", "{{ins}} prefetched"),
          ("sum by (ins) (rate(pg_recovery_prefetch_hit{@cls}[R]))", "{{ins}} already cached"), unit="ops", none="No standby on PostgreSQL 15+"),
    graph("Prefetch I/O depth", "Prefetches started and not yet complete.", ("pg_recovery_prefetch_io_depth{@cls}", "{{ins}}"), unit="short", none="No standby on PostgreSQL 15+"),
)
page.row(
    "Slots and logical replication",
    table("Replication slots", "Inactive slots that retain much WAL are a risk; lost slots cannot be used again.", ["ins", "slot_name", "slot_type", "datname"],
          Column("Active", "max by (ins, slot_name, slot_type, datname) (pg_slot_active{@cls})", maps=ACTIVE),
          Column("wal_status", "max by (ins, slot_name, slot_type, datname) (pg_slot_wal_status{@cls})", maps=WAL),
          Column("Invalidation", "max by (ins, slot_name, slot_type, datname) (pg_slot_invalidation_reason{@cls})", maps=LOST),
          Column("Retained WAL", "max by (ins, slot_name, slot_type, datname) (pg_slot_retained_bytes{@cls})", "bytes", above(SLOT_BYTES)),
          Column("safe_wal_size", "max by (ins, slot_name, slot_type, datname) (pg_slot_safe_wal_size{@cls})", "bytes"),
          Column("Inactive for", "time() - max by (ins, slot_name, slot_type, datname) (pg_slot_inactive_since{@cls})", "s"),
          sort="-Retained WAL", links={"ins": ("instance", "ins")}, none="No replication slot", h=6),
    graph("WAL retained by slot", "WAL that each slot retains, and max_slot_wal_keep_size, at which a slot is invalidated.", ("max by (ins, slot_name) (pg_slot_retained_bytes{@cls})", "{{ins}} {{slot_name}}"), ("max(pg_setting_max_slot_wal_keep_size{@cls} > 0)", "max_slot_wal_keep_size"),
          unit="bytes", steps=above(SLOT_BYTES), none="No replication slot"),
    graph("xmin age held by slots and standbys", "XIDs since the oldest snapshot that a slot or a standby with hot_standby_feedback needs: vacuum cannot remove newer dead tuples.",
          ('max by (ins, holder, name) (pg_xmin_age_xids{@cls,holder=~".*(slot|standby).*"})', "{{ins}} {{holder}} {{name}}"), unit="short", steps=above(XMIN), none="None", link=("activity", "ins")),
    graph("Logical decoding: spilled and streamed", "Spilled: raise logical_decoding_work_mem.",
          ("sum by (ins, slot_name) (rate(pg_slot_spill_bytes{@cls}[R]))", "{{ins}} {{slot_name}} spilled"), ("sum by (ins, slot_name) (rate(pg_slot_stream_bytes{@cls}[R]))", "{{ins}} {{slot_name}} streamed"),
          ("sum by (ins, slot_name) (rate(pg_slot_total_bytes{@cls}[R]))", "{{ins}} {{slot_name}} total"), unit="Bps", none="No logical slot"),
    table("Subscriptions", "If apply errors repeat, the worker retries the same transaction; the server log has the row.", ["ins", "datname", "subname"],
          Column("Enabled", "max by (ins, datname, subname) (pg_sub_enabled{@cls})", maps=YES),
          Column("Worker", "max by (ins, datname, subname) (pg_sub_has_worker{@cls})", maps=texts(_0="red:none", _1="green:running")),
          Column("Last message", "time() - max by (ins, datname, subname) (pg_sub_msg_recv_time{@cls})", "s", above((30, 60))),
          Column("Apply errors", "sum by (ins, datname, subname) (increase(pg_sub_apply_error_count{@cls}[$__range]))", decimals=0, steps=ANY_IS_BAD),
          Column("Sync errors", "sum by (ins, datname, subname) (increase(pg_sub_sync_error_count{@cls}[$__range]))", decimals=0, steps=ANY_IS_BAD),
          sort="Subscription", links={"ins": ("instance", "ins"), "datname": ("database", "ins", "datname")}, none="No subscription", w=14),
    table("Subscription table sync state", "Tables by synchronization state (pg_subscription_rel.srsubstate).", ["ins", "subname", "state"],
          Column("Tables", "sum by (ins, subname, state) (pg_subrel_count{@cls})", decimals=0), sort="Subscription", maps={"state": SYNC_STATE}, none="No subscription", w=10),
)
