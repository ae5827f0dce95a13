//! Collectors that share a query: it runs once where both are due, and each stands by itself where one is not.

use reason::Reason;

use super::script::fail;
use super::*;

const QUERY: &str = "SELECT \"n\"\nFROM rows";
const TWO: &str = "owner: { from: rows, ttl: 3600, metrics: [ n: { usage: GAUGE } ] }\n\
                   sharer: { query_of: owner, metrics: [ n: { usage: GAUGE } ] }\n";

fn bench(text: &str) -> Bench {
    Bench::of_file(text.to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_shared_query_runs_once_for_all_that_are_due() {
    let bench = bench(TWO);
    let page = bench.scrape().await;
    assert_eq!((value(&page, "owner_n"), value(&page, "sharer_n")), (Some(0.0), Some(0.0)), "{page}");
    assert_eq!((success(&page, "owner"), success(&page, "sharer")), (Some(1.0), Some(1.0)));
    assert_eq!(bench.script.count(QUERY), 1);
    bench.scrape().await;
    assert_eq!(bench.script.count(QUERY), 1, "the ttl is that of the other");
    bench.expire();
    bench.scrape().await;
    assert_eq!(bench.script.count(QUERY), 2);
}

#[tokio::test(start_paused = true)]
async fn a_shared_query_that_fails_fails_all_and_is_tried_again_once() {
    let bench = bench(TWO);
    bench.script.on(QUERY, [fail(Reason::Sql), script::NOW]);
    let page = bench.scrape().await;
    assert_eq!((errors(&page, "owner", "sql"), errors(&page, "sharer", "sql")), (Some(1.0), Some(1.0)), "{page}");
    let page = bench.scrape().await;
    assert_eq!((success(&page, "owner"), success(&page, "sharer")), (Some(1.0), Some(1.0)), "{page}");
    assert_eq!(bench.script.count(QUERY), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sharer_runs_the_query_where_the_other_does_not_run() {
    let bench = bench(&TWO.replace("from: rows,", "from: rows, skip: true,"));
    let page = bench.scrape().await;
    assert_eq!((value(&page, "owner_n"), value(&page, "sharer_n")), (None, Some(0.0)), "{page}");
    assert_eq!(bench.script.count(QUERY), 1);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_in_a_shared_query_is_tried_again() {
    let bench = bench(TWO);
    bench.scrape().await;
    bench.expire();
    bench.script.on(QUERY, [fail(Reason::Closed), script::NOW]);
    let page = bench.scrape().await;
    assert_eq!((success(&page, "owner"), success(&page, "sharer")), (Some(1.0), Some(1.0)), "{page}");
    assert_eq!(bench.script.count(QUERY), 3);
}
