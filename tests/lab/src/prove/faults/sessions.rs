//! Connections, transactions and locks.

use super::fault::{Fault, Place};
use super::steps::{LIMIT, clients, end_sessions, session, sql, wait_for_sessions};

pub const FAULTS: &[Fault] = &[
    Fault {
        alerts: &["PostgresIdleInTransaction"],
        what: "leave a transaction idle",
        place: Place::Primary,
        cause: |lab, at| {
            let script = "begin;\nselect 1;\n\\sleep 600 s\nend;\n";
            Ok(vec![clients(&lab.nodes[at].member, "postgres", 1, script)?])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresLockWaits", "PostgresLockWaitLong"],
        what: "hold a table’s lock before 22 sessions",
        place: Place::Primary,
        cause: |lab, at| {
            let member = &lab.nodes[at].member;
            sql(lab, at, "create table wanted (id int)")?;
            let holder = session(member, "begin; lock table wanted; select pg_sleep(600)")?;
            let is_held = "select exists (select from pg_locks where relation = 'wanted'::regclass and granted)";
            member.wait_for_query(is_held, LIMIT)?;
            Ok(vec![holder, clients(member, "postgres", 22, "select from wanted;\n")?])
        },
        mend: |lab, at| {
            end_sessions(lab, at)?;
            sql(lab, at, "drop table wanted").map(drop)
        },
    },
    Fault {
        alerts: &["PostgresLockTableFilling"],
        what: "take 5000 locks in one transaction",
        place: Place::Primary,
        cause: |lab, at| {
            let lock =
                "select count(pg_advisory_xact_lock(id)) from generate_series(1, 5000) as id; select pg_sleep(600)";
            Ok(vec![session(&lab.nodes[at].member, lock)?])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresConnectionsHigh"],
        what: "open 85 of 100 connections",
        place: Place::Primary,
        cause: |lab, at| Ok(vec![clients(&lab.nodes[at].member, "postgres", 85, "\\sleep 600 s\n")?]),
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresDatabaseConnectionsHigh"],
        what: "open all connections that a database’s own limit allows",
        place: Place::Primary,
        cause: |lab, at| {
            sql(lab, at, "create database narrow connection limit 4")?;
            Ok(vec![clients(&lab.nodes[at].member, "narrow", 4, "\\sleep 600 s\n")?])
        },
        mend: |lab, at| sql(lab, at, "drop database narrow with (force)").map(drop),
    },
    Fault {
        alerts: &["PostgresSessionsFailing"],
        what: "terminate 40 sessions",
        place: Place::Primary,
        cause: |lab, at| {
            let sessions = clients(&lab.nodes[at].member, "postgres", 40, "\\sleep 600 s\n")?;
            wait_for_sessions(&lab.nodes[at].member, 40)?;
            end_sessions(lab, at)?;
            Ok(vec![sessions])
        },
        mend: |_, _| Ok(()),
    },
    Fault {
        alerts: &["PostgresDeadlocks"],
        what: "take two locks in opposite orders in 8 sessions",
        place: Place::Primary,
        cause: |lab, at| {
            let script = "\\set first random(0, 1)\nbegin;\nselect pg_advisory_xact_lock(:first);\n\
                          select pg_advisory_xact_lock(1 - :first);\nend;\n";
            Ok(vec![clients(&lab.nodes[at].member, "postgres", 8, script)?])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
    Fault {
        alerts: &["PostgresRollbackRatioHigh"],
        what: "roll back every transaction of a client",
        place: Place::Primary,
        cause: |lab, at| {
            let script = "begin;\nselect 1;\nrollback;\n\\sleep 10 ms\n";
            Ok(vec![clients(&lab.nodes[at].member, "postgres", 1, script)?])
        },
        mend: |lab, at| end_sessions(lab, at),
    },
];
