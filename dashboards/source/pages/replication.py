"""Replication of one cluster: who follows whom, how far behind, at which stage, and what keeps WAL."""

from page import Page, alerts_firing, alerts_over_time, marks
from panels import Column, YES, graph, names, stat, table, texts, timeline
from thresholds import ANY_IS_BAD, ANY_IS_A_WARNING, LAG_BYTES, LAG_SECONDS, SLOT_BYTES, SLOT_SAFE_BYTES, XMIN, above, below

SENDER = texts(_0="green:streaming", _1="orange:startup", _2="orange:catchup", _3="blue:backup", _4="orange:stopping", minus1="red:other")
RECEIVER = texts(_0="green:streaming", _1="orange:starting", _4="orange:stopping", _5="orange:connecting", _6="orange:waiting", _7="orange:restarting", minus1="red:other")
SYNC = texts(_0="blue:async", _1="blue:potential", _2="green:sync", _3="green:quorum", minus1="red:other")
WAL = texts(_0="green:reserved", _1="blue:extended", _2="orange:unreserved", _3="red:lost", minus1="blue:none")
LOST = texts(_0="green:usable", _1="red:WAL removed", _2="red:rows removed", _3="red:wal_level", _4="red:idle")
PAUSED = texts(_0="green:replays", _1="orange:paused")
ACTIVE = texts(_0="blue:idle", _1="green:active")

page = Page("pg-replication", "PostgreSQL replication", "Standbys, slots, logical replication of one cluster.", scope="cluster", tags=["pg-cluster"], annotations=marks("@cls"))

page.row(
    None,
    names("Primary", "The member that takes writes.", "pg_in_recovery{@cls} == 0", "ins", none="no primary", link=("pg-instance", "ins")),
    stat("Walsenders by state", "Standbys and subscribers that the servers feed. Catchup for long: the network or the standby's disk is too slow.",
         ('sum(pg_downstream_count{@cls,state="streaming"})', "streaming"), ('sum(pg_downstream_count{@cls,state="catchup"})', "catchup"), unit="short", none="no standby"),
    stat("Standbys that do not stream", "Standbys without a walreceiver in state streaming: less redundancy than was paid for. Look at the standby's log, at primary_conninfo, at a lost slot.",
         ("count(pg_in_recovery{@cls} == 1 unless on (cls, ins) pg_recv_state == 0) or vector(0)", ""), unit="short", steps=ANY_IS_BAD),
    stat("Synchronous commit", "Whether commits wait for a standby and one is there. Blocked: every commit hangs.",
         ("max(pg_sync_standby_enabled{@cls}) * (1 + (clamp_max(count(pg_repl_sync_state{@cls} >= 2), 1) or vector(0)))", ""), unit="none", maps=texts(_0="blue:not configured", _1="red:blocked", _2="green:ok")),
    stat("Worst lag", "WAL that the slowest standby has not replayed.", ("max(pg_repl_replay_diff{@cls})", ""), unit="bytes", steps=above(LAG_BYTES), none="no standby"),
    alerts_firing(),
    stat("Worst lag in time", "Seconds by which the slowest standby trails by its own clock.", ("max(pg_lag{@cls} and on (cls, ins) pg_in_recovery == 1)", ""), unit="s", steps=above(LAG_SECONDS), none="no standby"),
    stat("Lost slots", "Slots whose consumer has to be rebuilt, since the WAL that it needs is gone.", ("count(pg_slot_wal_status{@cls} == 3) or vector(0)", ""), unit="short", steps=ANY_IS_BAD),
    stat("Idle slots", "Slots of the primary that nobody reads: their WAL piles up. Drop what is not needed any more. Those of standbys wait for a failover.", ("count(pg_slot_active{@cls} == 0 and on (cls, ins) pg_in_recovery == 0) or vector(0)", ""), unit="short", steps=ANY_IS_A_WARNING),
    stat("Largest retention", "WAL that one slot keeps.", ("max(pg_slot_retained_bytes{@cls})", ""), unit="bytes", steps=above(SLOT_BYTES), none="no slot"),
    stat("Least room of a slot", "WAL that may still be written before the first slot loses what it needs (max_slot_wal_keep_size).", ("min(pg_slot_safe_wal_size{@cls} > 0)", ""), unit="bytes", steps=below(SLOT_SAFE_BYTES), none="no limit set, or no slot"),
    stat("Subscriptions idle", "Subscriptions that are enabled and whose worker does not run: look at the server's log.", ("count(pg_sub_enabled{@cls} == 1 and pg_sub_has_worker{@cls} == 0) or vector(0)", ""), unit="short", steps=ANY_IS_BAD),
    alerts_over_time(),
)
page.row(
    "Topology",
    table("Who sends to whom", "Walsenders of all members, those of a cascade too.", ["ins", "appname", "usename", "address"],
          Column("state", "max by (ins, appname, usename, address) (pg_repl_state{@cls})", maps=SENDER),
          Column("sync", "max by (ins, appname, usename, address) (pg_repl_sync_state{@cls})", maps=SYNC),
          Column("not sent", "max by (ins, appname, usename, address) (pg_repl_sent_diff{@cls})", "bytes", above(LAG_BYTES)),
          Column("not flushed", "max by (ins, appname, usename, address) (pg_repl_flush_diff{@cls})", "bytes", above(LAG_BYTES)),
          Column("not replayed", "max by (ins, appname, usename, address) (pg_repl_replay_diff{@cls})", "bytes", above(LAG_BYTES)),
          Column("replay lag", "max by (ins, appname, usename, address) (pg_repl_replay_lag{@cls})", "s", above(LAG_SECONDS)),
          sort="ins", links={"ins": ("pg-instance", "ins")}, none="no walsender", w=14),
    table("Who receives from whom", "Walreceivers, as the standbys see them.", ["ins", "sender_host", "sender_port", "slot_name"],
          Column("state", "max by (ins, sender_host, sender_port, slot_name) (pg_recv_state{@cls})", maps=RECEIVER),
          Column("silent for", "time() - max by (ins, sender_host, sender_port, slot_name) (pg_recv_msg_recv_time{@cls})", "s", above((30, 60))),
          sort="ins", links={"ins": ("pg-instance", "ins")}, none="no walreceiver", w=10),
)
page.row(
    "Lag",
    graph("Lag by stage", "WAL not yet sent, written, flushed, replayed, of all standbys together. The gap tells the stage: sent is the network, flushed the disk, replayed a long query or a conflict.",
          ("sum(pg_repl_sent_diff{@cls})", "not sent"), ("sum(pg_repl_write_diff{@cls})", "not written"), ("sum(pg_repl_flush_diff{@cls})", "not flushed"), ("sum(pg_repl_replay_diff{@cls})", "not replayed"),
          unit="bytes", steps=above(LAG_BYTES), none="no standby"),
    graph("Lag by standby", "WAL that each standby has not replayed.", ("max by (appname) (pg_repl_replay_diff{@cls})", "{{appname}}"), unit="bytes", steps=above(LAG_BYTES), none="no standby"),
    graph("Lag in time by stage", "Seconds until a commit was written, flushed, replayed by the slowest standby. The write and flush times are what synchronous commits wait.",
          ("max(pg_repl_write_lag{@cls})", "write"), ("max(pg_repl_flush_lag{@cls})", "flush"), ("max(pg_repl_replay_lag{@cls})", "replay"), unit="s", steps=above(LAG_SECONDS), none="no standby, or nothing written"),
    graph("Lag by the standby's own clock", "Works too when the sender cannot be asked.", ("pg_lag{@cls} and on (cls, ins) pg_in_recovery == 1", "{{ins}}"), unit="s", steps=above(LAG_SECONDS), link=("pg-instance", "ins"), none="no standby"),
    graph("Time to catch up", "Time until each standby has caught up, at the pace at which it now gains on the primary. None: it does not gain.",
          ("max by (appname) (pg_repl_replay_diff{@cls}) / (-1 * max by (appname) (deriv(pg_repl_replay_diff{@cls}[$__rate_interval])) > 0)", "{{appname}}"), unit="s", none="no standby gains on a lag"),
    graph("WAL made and replayed", "Bytes per second that the primary makes and each standby replays. A peak is commonly the cause of a lag: a bulk load, an index build.",
          ("rate(pg_lsn{@cls}[R])", "{{ins}}"), unit="Bps", link=("pg-instance", "ins")),
)
page.row(
    "Standbys",
    timeline("Timelines", "All members ought to be on one. Another one: that member needs pg_rewind or a new base backup.", ("max by (ins) (pg_timeline_id{@cls})", "{{ins}}"), w=8),
    timeline("Replay", "A pause that somebody forgot: the standby ages, and WAL fills its disk.", ("max by (ins) (pg_is_wal_replay_paused{@cls})", "{{ins}}"), maps=PAUSED, none="no standby", w=8),
    graph("Recovery conflicts", "Queries per minute that replay cancelled on standbys, by cause. Snapshot: hot_standby_feedback or a longer max_standby_streaming_delay.",
          ("sum(rate(pg_db_confl_confl_snapshot{@cls}[R])) * 60", "snapshot"), ("sum(rate(pg_db_confl_confl_lock{@cls}[R])) * 60", "lock"), ("sum(rate(pg_db_confl_confl_bufferpin{@cls}[R])) * 60", "buffer pin"),
          ("sum(rate(pg_db_confl_confl_deadlock{@cls}[R])) * 60", "deadlock"), unit="short", none="no standby"),
    graph("Recovery prefetch", "Blocks per second that replay read ahead and that were in memory already.", ("sum by (ins) (rate(pg_recovery_prefetch_prefetch{@cls}[R]))", "{{ins}} read ahead"),
          ("sum by (ins) (rate(pg_recovery_prefetch_hit{@cls}[R]))", "{{ins}} hit"), unit="ops", none="no standby of PostgreSQL 15", w=12),
    graph("Reads ahead under way", "Reads that replay has begun and not ended.", ("pg_recovery_prefetch_io_depth{@cls}", "{{ins}}"), unit="short", none="no standby of PostgreSQL 15", w=12),
)
page.row(
    "Slots and logical replication",
    table("Slots", "Idle ones with much WAL are the danger; lost ones cannot be used any more.", ["ins", "slot_name", "slot_type", "datname"],
          Column("active", "max by (ins, slot_name, slot_type, datname) (pg_slot_active{@cls})", maps=ACTIVE),
          Column("WAL", "max by (ins, slot_name, slot_type, datname) (pg_slot_wal_status{@cls})", maps=WAL),
          Column("usable", "max by (ins, slot_name, slot_type, datname) (pg_slot_invalidation_reason{@cls})", maps=LOST),
          Column("retained", "max by (ins, slot_name, slot_type, datname) (pg_slot_retained_bytes{@cls})", "bytes", above(SLOT_BYTES)),
          Column("room", "max by (ins, slot_name, slot_type, datname) (pg_slot_safe_wal_size{@cls})", "bytes"),
          Column("idle for", "time() - max by (ins, slot_name, slot_type, datname) (pg_slot_inactive_since{@cls})", "s"),
          sort="-retained", none="no slot"),
    graph("WAL retained by slot", "Bytes that each slot keeps, and the limit, at which a slot is lost.", ("max by (slot_name) (pg_slot_retained_bytes{@cls})", "{{slot_name}}"), ("max(pg_setting_max_slot_wal_keep_size{@cls} > 0)", "limit"),
          unit="bytes", steps=above(SLOT_BYTES), none="no slot"),
    graph("Transactions held back by slots and standbys", "Transactions since the oldest whose rows a slot or a standby with feedback still needs: vacuum cannot remove them.",
          ('max by (holder, name) (pg_xmin_age_xids{@cls,holder=~".*(slot|standby).*"})', "{{holder}} {{name}}"), unit="short", steps=above(XMIN), none="none holds back"),
    graph("Logical decoding", "Bytes per second that decoding spilled to disk or streamed before the commit. Spill: raise logical_decoding_work_mem.",
          ("sum by (slot_name) (rate(pg_slot_spill_bytes{@cls}[R]))", "{{slot_name}} spilled"), ("sum by (slot_name) (rate(pg_slot_stream_bytes{@cls}[R]))", "{{slot_name}} streamed"),
          ("sum by (slot_name) (rate(pg_slot_total_bytes{@cls}[R]))", "{{slot_name}} all"), unit="Bps", none="no logical slot"),
    table("Subscriptions", "Errors that go on: the worker loops on one row. The server's log has it.", ["ins", "subname"],
          Column("enabled", "max by (ins, subname) (pg_sub_enabled{@cls})", maps=YES),
          Column("worker", "max by (ins, subname) (pg_sub_has_worker{@cls})", maps=texts(_0="red:none", _1="green:runs")),
          Column("silent for", "time() - max by (ins, subname) (pg_sub_msg_recv_time{@cls})", "s", above((30, 60))),
          Column("apply errors", "sum by (ins, subname) (increase(pg_sub_apply_error_count{@cls}[$__range]))", decimals=0, steps=ANY_IS_BAD),
          Column("sync errors", "sum by (ins, subname) (increase(pg_sub_sync_error_count{@cls}[$__range]))", decimals=0, steps=ANY_IS_BAD),
          sort="subname", none="no subscription", w=14),
    table("Relations of subscriptions", "Relations by state: r is ready, s synchronised, d copies data, i begins.", ["ins", "subname", "state"],
          Column("relations", "sum by (ins, subname, state) (pg_subrel_count{@cls})", decimals=0), sort="subname", none="no subscription", w=10),
)
