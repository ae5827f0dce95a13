//! Metrics about the exporter as a program, whatever servers it reads.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::self_metrics::Writer;
use crate::exposition::SelfMetrics;
use crate::scrape::settings::ScrapeSettings;
use crate::self_metric;
use crate::status::{ProcessStatus, WebConfigState};

/// Metrics about the program, in a scrape that came at `asked`.
pub(in crate::scrape) fn process_metrics(settings: &ScrapeSettings, asked: Instant) -> SelfMetrics {
    let mut out = Writer::new(&settings.namespace, SelfMetrics::new(&settings.constant_labels));
    let seconds = asked.elapsed().as_secs_f64();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    out.gauge(&self_metric::EXPORTER_UP, &[], 1.0);
    out.gauge(&self_metric::BUILD_INFO, &settings.build.labels(), 1.0);
    out.gauge(&self_metric::UPTIME, &[], settings.started.elapsed().as_secs_f64());
    out.gauge(&self_metric::LAST_SCRAPE_TIME, &[], now);
    out.gauge(&self_metric::SCRAPE_DURATION, &[], seconds);
    out.gauge(&self_metric::SCRAPE_DURATION_SECONDS, &[], seconds);
    status(&mut out, &settings.status);
    process(&mut out.metrics);
    out.metrics
}

/// The log, the connections of clients, the web configuration.
fn status(out: &mut Writer<'_>, status: &ProcessStatus) {
    out.counter(&self_metric::LOG_LINES_DROPPED_TOTAL, status.log_lines_dropped.get());
    out.gauge(&self_metric::HTTP_CONNECTIONS, &[], status.http_connections.get() as f64);
    out.gauge(&self_metric::HTTP_CONNECTIONS_LIMIT, &[], status.http_connections_limit.get() as f64);
    out.counter(&self_metric::HTTP_CONNECTIONS_CLOSED_TOTAL, status.http_connections_closed.get());
    let state = status.web_config();
    if state != WebConfigState::Absent {
        let in_force = f64::from(state == WebConfigState::InForce);
        out.gauge(&self_metric::WEB_CONFIG_LAST_RELOAD_SUCCESSFUL, &[], in_force);
    }
    if let Some(expiry) = status.certificate_expiry() {
        out.gauge(&self_metric::CERTIFICATE_EXPIRY_TIMESTAMP_SECONDS, &[("certificate", "web")], expiry);
    }
}

/// What the process itself costs, by the names that every client library uses; absent where /proc is.
#[cfg(target_os = "linux")]
fn process(metrics: &mut SelfMetrics) {
    let Ok(process) = procfs::process::Process::myself() else { return };
    if let Ok(stat) = process.stat() {
        let ticks = procfs::ticks_per_second() as f64;
        let cpu = (stat.utime + stat.stime) as f64 / ticks;
        let resident = stat.rss * procfs::page_size();
        metrics.float_counter("process_cpu_seconds_total", "User and system CPU time spent in seconds", cpu);
        metrics.gauge("process_resident_memory_bytes", "Resident memory size in bytes", &[], resident as f64);
        metrics.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes", &[], stat.vsize as f64);
        if let Ok(boot) = procfs::boot_time_secs() {
            let start = boot as f64 + stat.starttime as f64 / ticks;
            let help = "Start time of the process since unix epoch in seconds";
            metrics.gauge("process_start_time_seconds", help, &[], start);
        }
    }
    if let Ok(count) = process.fd_count() {
        metrics.gauge("process_open_fds", "Number of open file descriptors", &[], count as f64);
    }
    if let Ok(limits) = process.limits()
        && let procfs::process::LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        metrics.gauge("process_max_fds", "Maximum number of open file descriptors", &[], most as f64);
    }
}

/// Only Linux has /proc.
#[cfg(not(target_os = "linux"))]
fn process(_: &mut SelfMetrics) {}
