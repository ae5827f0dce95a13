//! What a page says of the server and the collectors, and the ways to get one in time.

use std::collections::BTreeSet;
use std::io::Write;
use std::time::{Duration, Instant};

use lab::{Exporter, Postgres};
use tempfile::{NamedTempFile, TempDir};

use super::{LIMIT, Page, binary, path, scrape, until};

impl Page {
    /// Whether the server answers.
    pub fn is_up(&self) -> bool {
        self.value("pg_up", &[]) == Some(1.0)
    }

    /// The one reason why the server is not up.
    pub fn reason(&self) -> Option<&str> {
        let reasons = self.label_values("pg_up_reason", "reason");
        assert!(reasons.len() < 2, "{reasons:?}");
        reasons.first().copied()
    }

    /// Collectors without success, with their databases.
    pub fn failed(&self) -> Vec<(&str, &str)> {
        let success = self.samples("pg_exporter_collector_success", &[]).into_iter();
        let failed = success.filter(|one| one.value == 0.0);
        failed.map(|one| (&*one.labels["collector"], &*one.labels["datname"])).collect()
    }

    /// How many collectors are planned, over all databases.
    pub fn planned(&self) -> usize {
        self.samples("pg_exporter_collector_success", &[]).len()
    }

    /// Errors of a collector for that reason.
    pub fn errors(&self, collector: &str, reason: &str) -> f64 {
        let labels = &[("collector", collector), ("reason", reason)];
        self.value("pg_exporter_collector_errors_total", labels).unwrap_or(0.0)
    }

    /// Samples that were dropped, by collector and reason.
    pub fn dropped(&self) -> Vec<(&str, &str, f64)> {
        let drops = self.samples("pg_exporter_dropped_samples_total", &[]).into_iter();
        drops.map(|one| (&*one.labels["collector"], &*one.labels["reason"], one.value)).collect()
    }

    /// The families that collectors made.
    pub fn collected(&self) -> BTreeSet<&str> {
        let own = |name: &&str| {
            ["pg_up", "pg_up_reason", "pg_version", "pg_in_recovery"].contains(name)
                || name.starts_with("pg_exporter_")
                || name.starts_with("process_")
        };
        self.families().into_iter().filter(|name| !own(name)).collect()
    }

    /// The value of a series, digit for digit; the series is written as on the page.
    pub fn digits(&self, series: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
    }

    /// Two parsers that are not ours can read it, and no series is there twice.
    pub fn assert_valid(&self) {
        self.complaints();
        if let Err(error) = openmetrics_parser::prometheus::parse_prometheus(&self.text) {
            panic!("{error}\n{}", self.text);
        }
        let lines = self.text.lines().filter(|line| !line.starts_with('#'));
        let series: Vec<&str> = lines.filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series).collect();
        let distinct: BTreeSet<&str> = series.iter().copied().collect();
        assert_eq!(distinct.len(), series.len(), "{}", self.text);
    }
}

/// An exporter of that URL.
pub fn exporter_of(url: &str, args: &[&str]) -> Exporter {
    Exporter::start(binary(), args, &[("PG_EXPORTER_URL", url)]).unwrap()
}

/// The same, once it has asked where the server's log is, which it does beside the scrapes.
pub fn exporter_with_log(url: &str, args: &[&str]) -> Exporter {
    let exporter = exporter_of(url, args);
    until("the log is found", || exporter.log().contains("log found"));
    exporter
}

/// Half a second, by which a machine with other work may delay an answer. What a scrape must not wait for takes longer.
const DELAY: Duration = Duration::from_millis(500);

/// Scrapes as Prometheus does, which waits no longer than `seconds`.
pub fn scrape_within(exporter: &Exporter, seconds: f64) -> Page {
    let (page, elapsed) = scrape_timed(exporter, seconds);
    assert!(elapsed < Duration::from_secs_f64(seconds) + DELAY, "{seconds} s: {elapsed:?}");
    page
}

/// Asks for an answer within `seconds`, and says how long it took.
pub fn scrape_timed(exporter: &Exporter, seconds: f64) -> (Page, Duration) {
    let limit = [("X-Prometheus-Scrape-Timeout-Seconds", &*seconds.to_string())];
    let response = exporter.get_with("/metrics", &limit).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    (Page::parse(response.text()), response.elapsed)
}

/// Scrapes until the page is as wanted.
pub fn scrape_until(exporter: &Exporter, what: &str, wanted: impl Fn(&Page) -> bool) -> Page {
    scrape_for(LIMIT, exporter, what, wanted)
}

/// The same, for at most so long.
pub fn scrape_for(limit: Duration, exporter: &Exporter, what: &str, wanted: impl Fn(&Page) -> bool) -> Page {
    let deadline = Instant::now() + limit;
    loop {
        let page = scrape(exporter);
        if wanted(&page) {
            return page;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}\n{}\n{}", page.text, exporter.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The status that a path answers with.
pub fn status(exporter: &Exporter, path: &str) -> u16 {
    exporter.get(path).unwrap().status
}

/// A URL of this server by way of another port.
pub fn url_by_port(server: &Postgres, user: &str, database: &str, port: u16) -> String {
    server.url(user, database).replace(&format!(":{}/", server.port()), &format!(":{port}/"))
}

/// A file of collectors.
pub fn collectors(yaml: &str) -> NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".yml").tempfile().unwrap();
    file.write_all(yaml.as_bytes()).unwrap();
    file
}

/// A folder of the embedded collectors and a file of own ones beside them.
pub fn embedded_and(yaml: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(path("collectors/pg")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    std::fs::write(folder.path().join("own.yml"), yaml).unwrap();
    folder
}
