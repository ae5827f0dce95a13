//! A running Prometheus.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::http::request;
use crate::percent::percent_encoded;
use crate::port::on_free_port;
use crate::process::Process;
use crate::shared_files::with_shared_files;

/// What Prometheus scrapes at `/metrics`.
#[derive(Debug, Clone)]
pub struct Target {
    /// Value of the label `job`.
    pub job: String,
    /// Host and port; value of the label `instance`.
    pub address: String,
    /// More labels for every series of the target.
    pub labels: Vec<(String, String)>,
}

impl Target {
    /// A target without labels of its own.
    pub fn new(job: &str, address: impl ToString) -> Target {
        Target { job: job.to_owned(), address: address.to_string(), labels: Vec::new() }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Target {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// One element of an instant vector; a scalar has no labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels, `__name__` among them.
    pub labels: BTreeMap<String, String>,
    /// Its value; may be NaN or infinite.
    pub value: f64,
}

/// A running Prometheus with a database of its own. Dropping it ends it and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    promtool: PathBuf,
    process: Process,
    // Holds its configuration, data and log until it has ended.
    folder: Folder,
    interval: Duration,
}

impl Prometheus {
    /// Starts it and waits until it is ready. It scrapes the targets once per interval.
    pub fn start(targets: &[Target], interval: Duration) -> Result<Prometheus, LabError> {
        Prometheus::start_with_rules(targets, interval, &[])
    }

    /// Starts it with rule files (absolute paths), evaluated once per interval, too.
    pub fn start_with_rules(
        targets: &[Target],
        interval: Duration,
        rule_files: &[PathBuf],
    ) -> Result<Prometheus, LabError> {
        Prometheus::start_alerting(targets, interval, rule_files, None)
    }

    /// Starts it with rule files, and an Alertmanager to send alerts to.
    pub fn start_alerting(
        targets: &[Target],
        interval: Duration,
        rule_files: &[PathBuf],
        alertmanager: Option<SocketAddr>,
    ) -> Result<Prometheus, LabError> {
        let package = Cache::open()?.prometheus()?;
        let folder = Folder::new()?;
        let config = config_file(&folder);
        let settings = configuration(targets, interval, rule_files, alertmanager).to_string();
        fs::write(&config, settings).map_err(LabError::io(format!("writing {}", config.display())))?;
        let (address, process) = on_free_port(|port| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            // Its web pages lie there.
            let mut command = with_shared_files(&package, "prometheus")?;
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
            command.arg(format!("--web.listen-address={address}")).current_dir(folder.path());
            let process = Process::start("prometheus", command, &folder.path().join("prometheus.log"))?;
            process.wait_until("ready", Duration::from_secs(30), || {
                process.listens_on(port)
                    && request(address, "GET", "/-/ready", &[]).is_ok_and(|response| response.status == 200)
            })?;
            Ok((address, process))
        })?;
        Ok(Prometheus { address, promtool: promtool_in(&package), process, folder, interval })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets it scrape these targets in place of the former ones; it does so soon after.
    pub fn scrape(&self, targets: &[Target]) -> Result<(), LabError> {
        self.reconfigure("scrape_configs", |configs| {
            *configs = scraping(targets, self.interval)["scrape_configs"].take()
        })
    }

    /// Lets it load one more rule file, of this text, in place of the one that it was given so before; without a text none.
    pub fn load_rules(&self, text: Option<&str>) -> Result<(), LabError> {
        let file = self.folder.path().join("more.yml");
        fs::write(&file, text.unwrap_or_default()).map_err(LabError::io(format!("writing {}", file.display())))?;
        self.reconfigure("rule_files", |files| {
            let mut left: Vec<Value> = files.as_array().cloned().unwrap_or_default();
            left.retain(|other| *other != json!(file));
            left.extend(text.map(|_| json!(file)));
            *files = left.into();
        })
    }

    /// Changes a part of its configuration and lets it read that again.
    fn reconfigure(&self, key: &str, change: impl FnOnce(&mut Value)) -> Result<(), LabError> {
        let config = config_file(&self.folder);
        let text = fs::read_to_string(&config).map_err(LabError::io(format!("reading {}", config.display())))?;
        let mut settings: Value = serde_json::from_str(&text)
            .map_err(|error| LabError::Unexpected(format!("reading {}: {error}", config.display())))?;
        change(&mut settings[key]);
        fs::write(&config, settings.to_string()).map_err(LabError::io(format!("writing {}", config.display())))?;
        self.process.signal("HUP")
    }

    /// Evaluates PromQL now. Fails on what Prometheus calls an error, and on anything but an
    /// instant vector or a scalar.
    pub fn query(&self, promql: &str) -> Result<Vec<Sample>, LabError> {
        let target = format!("/api/v1/query?query={}", percent_encoded(promql));
        let response = request(self.address, "GET", &target, &[])?;
        samples(&response.body)
            .ok_or_else(|| LabError::Unexpected(format!("query `{promql}`: {} {}", response.status, response.text())))
    }

    /// Evaluates PromQL until it has a result, no longer than `limit`.
    pub fn wait_for(&self, promql: &str, limit: Duration) -> Result<Vec<Sample>, LabError> {
        let deadline = Instant::now() + limit;
        loop {
            let samples = self.query(promql)?;
            if !samples.is_empty() {
                return Ok(samples);
            }
            if Instant::now() > deadline {
                let (name, awaited) = ("prometheus".to_owned(), format!("with a result for `{promql}`"));
                return Err(LabError::Late { name, awaited, limit, log: self.process.log_tail() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Path of `promtool`, of the same version.
    pub fn promtool(&self) -> &Path {
        &self.promtool
    }

    /// Its process: id, end, the end of its log.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

impl Cache {
    /// Path of `promtool`, for tests that need no running Prometheus; downloaded if need be.
    pub fn promtool(&self) -> Result<PathBuf, LabError> {
        Ok(promtool_in(&self.prometheus()?))
    }
}

fn promtool_in(package: &Path) -> PathBuf {
    package.join("usr/bin/promtool")
}

fn config_file(folder: &Folder) -> PathBuf {
    folder.path().join("prometheus.yml")
}

/// The configuration file; JSON is YAML.
fn configuration(
    targets: &[Target],
    interval: Duration,
    rule_files: &[PathBuf],
    alertmanager: Option<SocketAddr>,
) -> Value {
    let mut configuration = scraping(targets, interval);
    configuration["global"]["evaluation_interval"] = json!(milliseconds(interval));
    configuration["rule_files"] = json!(rule_files);
    let alertmanagers: Vec<Value> =
        alertmanager.iter().map(|address| json!({ "static_configs": [{ "targets": [address] }] })).collect();
    configuration["alerting"] = json!({ "alertmanagers": alertmanagers });
    configuration
}

/// The part about scraping, which VictoriaMetrics takes, too.
pub(crate) fn scraping(targets: &[Target], interval: Duration) -> Value {
    let mut jobs: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for target in targets {
        let labels: BTreeMap<_, _> = target.labels.iter().cloned().collect();
        jobs.entry(&target.job).or_default().push(json!({ "targets": [target.address], "labels": labels }));
    }
    let jobs: Vec<Value> =
        jobs.into_iter().map(|(job, targets)| json!({ "job_name": job, "static_configs": targets })).collect();
    let interval = milliseconds(interval);
    json!({ "global": { "scrape_interval": interval, "scrape_timeout": interval }, "scrape_configs": jobs })
}

fn milliseconds(interval: Duration) -> String {
    format!("{}ms", interval.as_millis().max(1))
}

fn samples(answer: &[u8]) -> Option<Vec<Sample>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let result = answer.get("data")?.get("result")?;
    let value = |point: &Value| point.get(1)?.as_str()?.parse().ok();
    match answer.get("data")?.get("resultType")?.as_str()? {
        "scalar" => Some(vec![Sample { labels: BTreeMap::new(), value: value(result)? }]),
        "vector" => {
            let sample = |element: &Value| {
                let labels = serde_json::from_value(element.get("metric")?.clone()).ok()?;
                Some(Sample { labels, value: value(element.get("value")?)? })
            };
            result.as_array()?.iter().map(sample).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_and_scalars_are_read() {
        let vector = br#"{"data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"+Inf"]}]}}"#;
        let labels = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        assert_eq!(samples(vector), Some(vec![Sample { labels, value: f64::INFINITY }]));
        let scalar = br#"{"data":{"resultType":"scalar","result":[1,"2.5"]}}"#;
        assert_eq!(samples(scalar).unwrap()[0].value, 2.5);
        assert_eq!(samples(br#"{"status":"error","error":"parse error"}"#), None);
    }
}
