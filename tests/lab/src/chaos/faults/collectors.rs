//! Queries that are slow or ended.

use std::thread;
use std::time::Duration;

use super::super::fault::{Expected, Fault, Lacking, Scrapes};

/// It is not on the page of before, so nothing may lack.
const SLOW: &str = "\
slow:
  query: SELECT 8 AS n FROM pg_catalog.pg_sleep(30)
  timeout: 40
  tags: [cluster]
  metrics: [ n: { usage: GAUGE } ]
";

pub const FAULTS: &[Fault] = &[
    Fault {
        name: "slow-query",
        what: "a query of 30 s among fast ones",
        cause: |stage| stage.collect(SLOW),
        heal: |stage| stage.collect(""),
        // It asks whether it may, and then stands behind the slow one.
        expected: Expected { lacking: Lacking::Only("pg_query_info"), ..Fault::USUAL.expected },
        ..Fault::USUAL
    },
    Fault {
        name: "terminated-sessions",
        what: "sessions terminated in mid-result, 20 times",
        cause: |stage| {
            for _ in 0..20 {
                stage.sessions().signal("TERM");
                thread::sleep(Duration::from_millis(30));
            }
            Ok(())
        },
        scrapes: Scrapes::Meanwhile,
        expected: Expected { whole_within: 2, ..Fault::in_mid_scrape().expected },
        in_tests: true,
        ..Fault::USUAL
    },
];
