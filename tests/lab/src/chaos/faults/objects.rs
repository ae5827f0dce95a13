//! What the exporter reads is dropped, and what it may is revoked.

use super::super::fault::{Expected, Fault, Lacking};

const LACKING: Fault =
    Fault { expected: Expected { lacking: Lacking::Any, ..Fault::USUAL.expected }, in_tests: true, ..Fault::USUAL };

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "database-dropped",
        what: "a database dropped in mid-scrape",
        cause: |stage| stage.sql("drop database shop with (force)"),
        heal: |stage| stage.sql("create database shop"),
        expected: Expected { whole_within: 3, ..LACKING.expected },
        in_tests: true,
        ..Fault::in_mid_scrape()
    },
    Fault {
        name: "extension-dropped",
        what: "pg_stat_statements dropped",
        cause: |stage| stage.sql("drop extension pg_stat_statements"),
        heal: |stage| stage.sql("create extension pg_stat_statements"),
        ..LACKING
    },
    Fault {
        name: "pg_monitor-revoked",
        what: "`pg_monitor` revoked",
        cause: |stage| stage.sql("revoke pg_monitor from monitor"),
        heal: |stage| stage.sql("grant pg_monitor to monitor"),
        ..LACKING
    },
];
