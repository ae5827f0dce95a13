//! What becomes of rows: whole results only, and the same lines however they are kept and sent.

use std::io::Read;

use reason::Reason;

use super::script::{NOW, fail};
use super::*;

impl Bench {
    /// The lines of collectors of which one gauge is `NAME_n`, in a page that is compressed or not.
    async fn lines(&self, gzip: bool) -> String {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let page = self.targets.scrape(Instant::now() + LIMIT, Format::Text, gzip, None).await;
        let sent: Vec<u8> = page.chunks.iter().flat_map(|chunk| chunk.to_vec()).collect();
        let mut text = String::new();
        if gzip {
            flate2::read::GzDecoder::new(&*sent).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(sent).unwrap();
        }
        text.split_inclusive('\n').filter(|line| line.contains("_n ")).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_that_fails_after_its_first_rows_has_no_result() {
    let bench = Bench::new(&[("each", ""), ("sound", "")]);
    bench.script.on("each", [fail(Reason::Sql), NOW]);
    let page = bench.scrape().await;
    assert_eq!((success(&page, "each"), value(&page, "each_n")), (Some(0.0), None), "{page}");
    assert_eq!(value(&page, "sound_n"), Some(0.0));
    let page = bench.scrape().await;
    assert_eq!((success(&page, "each"), value(&page, "each_n")), (Some(1.0), Some(0.0)), "{page}");
}

#[tokio::test(start_paused = true)]
async fn another_try_on_another_connection_begins_without_the_rows_of_the_first() {
    let bench = Bench::new(&[("each", "")]);
    bench.scrape().await;
    bench.script.on("each", [fail(Reason::Closed), NOW]);
    let page = bench.scrape().await;
    let labels = "{collector=\"each\",datname=\"main\"}";
    assert_eq!(bench.script.count("each"), 3);
    assert_eq!(value(&page, &format!("pg_exporter_collector_rows{labels}")), Some(1.0), "{page}");
    assert!(!page.contains("reason=\"duplicate\""), "{page}");
}

#[tokio::test(start_paused = true)]
async fn a_page_is_the_same_however_its_results_are_kept() {
    let bench = Bench::new(&[("kept", "ttl: 3600,"), ("fetched", "")]);
    let plain = bench.lines(false).await;
    assert!(plain.contains("\nkept_n 0\n") && plain.contains("\nfetched_n 0\n"), "{plain}");
    // In these the plain lines of `kept` are given up, and those of `fetched` are never kept.
    for _ in 0..12 {
        assert_eq!(bench.lines(true).await, plain);
    }
    assert_eq!(bench.lines(false).await, plain);
    assert_eq!(bench.lines(true).await, plain);
    assert_eq!(bench.script.count("kept"), 1);
}
