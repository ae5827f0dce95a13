//! Collectors whose rows the source has by itself.

use reason::Reason;

use super::script::{NOW, fail};
use super::*;

#[tokio::test(start_paused = true)]
async fn own_rows_are_on_the_page_whatever_the_server_does() {
    let text = "own:\n  access: services\n  metrics: [name: { usage: LABEL }, n: { usage: GAUGE }]\n";
    let bench = Bench::of_file(text.to_owned());
    bench.script.on("open main", [fail(Reason::Refused), NOW, fail(Reason::Refused)]);
    for up in [0.0, 1.0, 0.0] {
        let page = bench.scrape().await;
        assert_eq!(value(&page, "pg_up "), Some(up), "{page}");
        assert_eq!(value(&page, "own_n{name=\"services\"}"), Some(7.0), "{page}");
        assert_eq!(page.matches("own_n{").count(), 1, "{page}");
    }
    assert!(crate::http::explain(&bench.targets).contains("not planned: reads no database"));
}
