//! syslog-ng, which ships the logs of all components to the store.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::Backrest;
use crate::account::bare_environment;
use crate::architecture::{Component, Node, SCOPE, START_LIMIT};
use crate::cache::Cache;
use crate::error::LabError;
use crate::folder::Folder;
use crate::pgbouncer::loader;
use crate::process::Process;

/// How lines are read: jsonlog of PostgreSQL, and what begins with a time, perhaps a process, and a severity.
const PARSERS: &str = r#"@version: 4.8
options { stats(freq(0)); keep-timestamp(yes); time-reopen(1); log-msg-size(1048576); };
parser json { json-parser(prefix(".event.")); };
rewrite json {
  rename(".event.error_severity" ".event.severity");
  rename(".event.state_code" ".event.code");
  rename(".event.dbname" ".event.datname");
  rename(".event.statement" ".event.query");
  subst(" UTC$", "Z", value(".event.timestamp"));
  subst(" ", "T", value(".event.timestamp"));
};
parser text { regexp-parser(prefix(".event.") patterns("(?s)^(?<day>[-0-9]+) (?<clock>[:0-9]+)[.,](?<ms>[0-9]+) (UTC )?(\\[(?<pid>[0-9]+)\\] |P[0-9]+ +)?(?<severity>[A-Z]+):? (?<message>.*)$")); };
rewrite text {
  set("${.event.day}T${.event.clock}.${.event.ms}Z" value(".event.timestamp"));
  unset(value(".event.day"));
  unset(value(".event.clock"));
  unset(value(".event.ms"));
};
"#;

/// Lines of Patroni and pgBackRest that begin an event; others go on with the one before.
const BEGIN: &str = "^([0-9]+-[0-9]+-[0-9]+ [0-9:]+[.,][0-9]+ |-+PROCESS START)";

/// A running syslog-ng. Dropping it ends it.
#[derive(Debug)]
pub struct Shipper {
    process: Process,
    _folder: Folder,
}

impl Shipper {
    /// Starts it with the logs of these nodes and of the repository; the files need not be there yet.
    pub(crate) fn start(nodes: &[Node], backrest: &Backrest, store: SocketAddr) -> Result<Shipper, LabError> {
        let package = Cache::open()?.component(Component::SyslogNg)?;
        let folder = Folder::new()?;
        let path = |name: &str| folder.path().join(name);
        let config = path("syslog-ng.conf");
        fs::write(&config, configuration(&logs(nodes, backrest), store))
            .map_err(LabError::io(format!("writing {}", config.display())))?;
        let (libraries, own) = (package.join("usr/lib/x86_64-linux-gnu"), package.join("usr/lib/syslog-ng"));
        let mut command = Process::command(loader(&package));
        bare_environment(&mut command);
        command.arg("--library-path").arg(format!("{}:{}", libraries.display(), own.display()));
        command.arg(package.join("usr/sbin/syslog-ng")).args(["--foreground", "--no-caps"]);
        for (option, value) in [
            ("cfgfile", config),
            ("persist-file", path("persist")),
            ("control", path("control")),
            ("pidfile", path("pid")),
            ("module-path", own.join("4.8")),
        ] {
            command.arg(format!("--{option}={}", value.display()));
        }
        command.current_dir(folder.path());
        let process = Process::start("syslog-ng", command, &path("syslog-ng.log"))?;
        // It makes this socket once it has taken its configuration.
        process.wait_until("running", START_LIMIT, || path("control").exists())?;
        Ok(Shipper { process, _folder: folder })
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// The log of one program: a file, or all `*.log` of a folder.
struct Log {
    path: PathBuf,
    src: &'static str,
    ins: String,
}

fn logs(nodes: &[Node], backrest: &Backrest) -> Vec<Log> {
    let mut logs = vec![Log { path: backrest.log_dir(), src: "pgbackrest", ins: SCOPE.to_owned() }];
    for node in nodes {
        let file = |path: &Path, src| Log { path: path.to_owned(), src, ins: node.member.name().to_owned() };
        logs.push(file(&node.member.log_file(), "postgres"));
        logs.push(file(node.member.process().log_file(), "patroni"));
        logs.push(file(node.pooler.process().log_file(), "pgbouncer"));
    }
    logs
}

fn configuration(logs: &[Log], store: SocketAddr) -> String {
    let url =
        format!("http://{store}/insert/jsonline?_time_field=timestamp&_msg_field=message&_stream_fields=cls,ins,src");
    let mut text = PARSERS.to_owned();
    let mut add = |part: String| text.write_str(&part).unwrap_or_default();
    add(format!(
        r#"destination store {{
  http(url("{url}") method("POST") headers("Content-Type: application/stream+json") batch-lines(100) batch-timeout(200)
    workers(1) delimiter("\n") body-suffix("\n")
    body("$(format-json --scope none --leave-initial-dot --key .event.* --shift-levels 2)"));
}};
"#
    ));
    for Log { path, src, ins } in logs {
        let multiline = format!(r#"multi-line-mode(regexp) multi-line-prefix("{BEGIN}") multi-line-timeout(1)"#);
        let path = path.display();
        let (place, multiline, format) = match *src {
            "postgres" => (format!(r#"file("{path}""#), "", "json"),
            "pgbackrest" => {
                (format!(r#"wildcard-file(base-dir("{path}") filename-pattern("*.log")"#), multiline.as_str(), "text")
            }
            _ => (format!(r#"file("{path}""#), multiline.as_str(), "text"),
        };
        // A line that cannot be read goes on as it is.
        add(format!(
            r#"log {{
  source {{ {place} flags(no-parse) follow-freq(0.2) {multiline}); }};
  rewrite {{
    set("{SCOPE}" value(".event.cls")); set("{ins}" value(".event.ins")); set("{src}" value(".event.src"));
    set("$MSG" value(".event.message"));
  }};
  if {{ parser({format}); rewrite({format}); }};
  destination(store);
}};
"#
        ));
    }
    text
}
