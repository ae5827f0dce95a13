//! The program's log: one line per event on standard error, in logfmt or JSON.

mod queue;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::{self, Write};
#[cfg(any(test, feature = "fuzzing"))]
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(test, feature = "fuzzing"))]
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::printable::{Lines, is_unprintable};
use queue::Queue;

/// How long the end of the program waits for the log to be read.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The names of the levels.
pub(crate) const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];

/// Standard error, and the log on it.
#[derive(Clone)]
pub(crate) struct Log {
    output: Output,
    json: bool,
}

#[derive(Clone)]
enum Output {
    /// Waits until what is written is read: for a command, whose reader may be a pager.
    Blocking,
    /// Never waits: for a server, whose reader may hang and which answers all the same.
    Queue(Queue),
    /// Keeps it, for a check.
    #[cfg(any(test, feature = "fuzzing"))]
    Memory(Arc<Mutex<Vec<u8>>>),
}

impl Log {
    /// The log of a command, which waits for its reader.
    pub fn of_command(format: &str) -> Self {
        Self { output: Output::Blocking, json: format == "json" }
    }

    /// The log of a server. Lines that find no room, because nobody reads the ones before, are counted in `dropped`.
    ///
    /// # Errors
    /// Standard error cannot be duplicated, or no thread can be started.
    pub fn of_server(format: &str, dropped: Counter) -> io::Result<Self> {
        Ok(Self { output: Output::Queue(Queue::start(dropped)?), json: format == "json" })
    }

    /// Begins to log. A level that is not known is taken as `info`, a format as `logfmt`.
    ///
    /// The level is that of the engine and the crates named. Libraries log from `warn` on: their lower
    /// levels, which include each query, help only with their source at hand.
    pub fn start(&self, level: &str, crates: &[&str]) -> Result<(), TryInitError> {
        let level = match level.to_ascii_lowercase().as_str() {
            "debug" => LevelFilter::DEBUG,
            "warn" => LevelFilter::WARN,
            "error" => LevelFilter::ERROR,
            _ => LevelFilter::INFO,
        };
        let ours = crates.iter().chain(&["engine"]).map(|name| (*name, level));
        let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_targets(ours);
        self.subscriber(filter).try_init()?;
        if matches!(self.output, Output::Queue(_)) {
            // The standard hook writes to standard error itself, and would wait for its reader.
            std::panic::set_hook(Box::new(|panic| {
                let backtrace = Backtrace::capture();
                let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
                tracing::error!(%panic, backtrace, "a bug: please report it");
            }));
        }
        Ok(())
    }

    fn subscriber(&self, filter: Targets) -> Box<dyn Subscriber + Send + Sync> {
        let registry = tracing_subscriber::registry().with(filter);
        if self.json {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false);
            Box::new(registry.with(layer.with_writer(self.clone())))
        } else {
            let layer =
                tracing_logfmt::builder().with_target(false).with_span_name(false).with_span_path(false).layer();
            Box::new(registry.with(layer.with_writer(self.clone())))
        }
    }

    /// Writes a text that is not an event, such as the reason why the program ends.
    pub fn print(&self, text: &str) {
        let mut lines = Lines::default();
        lines.lines(text);
        self.output.write(lines.into_text().into_bytes());
    }

    /// Gives the reader a moment to read what is left. To be called last.
    pub fn end(&self) {
        if let Output::Queue(queue) = &self.output {
            queue.end(LAST_LINES);
        }
    }
}

impl Output {
    fn write(&self, text: Vec<u8>) {
        match self {
            // There is nowhere to report this.
            Self::Blocking => io::stderr().write_all(&text).unwrap_or_default(),
            Self::Queue(queue) => queue.push(text),
            #[cfg(any(test, feature = "fuzzing"))]
            Self::Memory(memory) => memory.lock().extend(text),
        }
    }
}

/// The line of an event with this text.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn line_of(text: &str, json: bool) -> Vec<u8> {
    let memory = Arc::default();
    let log = Log { output: Output::Memory(Arc::clone(&memory)), json };
    let filter = Targets::new().with_default(LevelFilter::INFO);
    tracing::subscriber::with_default(log.subscriber(filter), || tracing::info!(text, "an event"));
    std::mem::take(&mut memory.lock())
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

/// Each call is one line, whole.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.output.write(visible(&String::from_utf8_lossy(line), self.json).into_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line with the characters escaped that the formats leave: they escape control characters in some places only, and
/// direction marks nowhere. Each is escaped in the way of the format, so that its parsers understand it.
fn visible(line: &str, json: bool) -> String {
    let mut visible = String::with_capacity(line.len());
    let text = line.strip_suffix('\n').unwrap_or(line);
    for character in text.chars() {
        match character {
            character if !is_unprintable(character) => visible.push(character),
            character if json => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    write!(visible, "\\u{unit:04x}").ok();
                }
            }
            character => visible.extend(character.escape_debug()),
        }
    }
    visible.push('\n');
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_invisible_characters_in_lines() {
        let line = "level=warn datname=a\u{202e}b\u{9b}c\n";
        assert_eq!(visible(line, false), "level=warn datname=a\\u{202e}b\\u{9b}c\n");
        let line = visible("{\"datname\":\"a\u{202e}b\u{e0041}\\n\"}\n", true);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["datname"], "a\u{202e}b\u{e0041}\n");
        assert!(line.is_ascii(), "{line}");
    }
}
