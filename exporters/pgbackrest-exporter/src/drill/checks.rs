//! What is asked of the restored cluster: queries, `pg_amcheck`, `pg_checksums`.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use jq::shorten;

use crate::command::{ProcessOutput, RunError};
use crate::drill::cluster::{Binaries, PORT};
use crate::drill::error::DrillError;
use crate::drill::scratch::Scratch;

/// Session settings that win over those of roles and databases.
const OPTIONS: &str = "PGOPTIONS=-c session_preload_libraries= -c local_preload_libraries=";

/// The client programs, the server that they connect to, and the user.
#[derive(Debug, Clone)]
pub(crate) struct Client<'a> {
    pub binaries: &'a Binaries,
    pub scratch: &'a Scratch,
    pub user: &'a str,
    pub deadline: Instant,
}

/// What the server says of itself when recovery has ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecoveredState {
    pub newest_commit_unix_seconds: Option<f64>,
}

impl Client<'_> {
    /// The first query.
    pub async fn state(&self) -> Result<RecoveredState, DrillError> {
        let sql = "SELECT pg_catalog.pg_is_in_recovery(), \
                   extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp())";
        let text = self.query("postgres", sql).await.map_err(DrillError::Connect)?;
        let (in_recovery, commit) = text.split_once('|').unwrap_or((&text, ""));
        if in_recovery != "f" {
            return Err(DrillError::Recovery("the server is still in recovery".to_owned()));
        }
        Ok(RecoveredState { newest_commit_unix_seconds: commit.parse().ok() })
    }

    /// Runs the user's query, which has to return true or a number.
    pub async fn user_query(&self, database: &str, sql: &str) -> Result<f64, DrillError> {
        match &*self.query(database, sql).await.map_err(DrillError::Query)? {
            "t" => Ok(1.0),
            "f" => Err(DrillError::Query("it returned false".to_owned())),
            "" => Err(DrillError::Query("it returned nothing: expected true or a number".to_owned())),
            other => other.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(|| {
                DrillError::Query("it returned something else than one value, true or a number".to_owned())
            }),
        }
    }

    /// Runs the heartbeat query, which has to return a timestamp with time zone, or Unix seconds.
    pub async fn heartbeat(&self, database: &str, sql: &str) -> Result<f64, DrillError> {
        let text = self.query(database, sql).await.map_err(DrillError::Heartbeat)?;
        let timestamp = || {
            // PostgreSQL writes `2026-11-30 19:00:54.2+00`, which lacks the minutes of the offset.
            let text = if text.len() > 3 && text[text.len() - 3..].starts_with(['+', '-']) {
                format!("{text}:00")
            } else {
                text.clone()
            };
            let time: jiff::Timestamp = text.replacen(' ', "T", 1).parse().ok()?;
            Some(time.as_duration().as_secs_f64())
        };
        let expected = || DrillError::Heartbeat("expected one timestamp with time zone, or Unix seconds".to_owned());
        text.parse().ok().filter(|value: &f64| value.is_finite()).or_else(timestamp).ok_or_else(expected)
    }

    /// The output of a query. The text is read from a file: the list of processes shows arguments.
    async fn query(&self, database: &str, sql: &str) -> Result<String, String> {
        self.scratch.write("query.sql", sql).map_err(|error| error.to_string())?;
        let file = self.scratch.path("query.sql");
        // Of an error only its code is printed: its text may quote values.
        let mut arguments: Vec<OsString> =
            ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=sqlstate"].map(OsString::from).into();
        arguments.extend(self.connection(database));
        arguments.extend(["-f".into(), file.into()]);
        let psql = self.binaries.program("psql", &[OPTIONS]).ok_or("psql is not installed")?;
        let output = psql.run(&arguments, self.deadline).await.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = text.lines().find_map(|line| line.split_once("ERROR:  ")).map(|(_, code)| code.trim().to_owned());
        Err(code.map_or_else(
            || format!("psql: {}", shorten(text.lines().next().unwrap_or("no error message"))),
            |code| format!("SQLSTATE {code}"),
        ))
    }

    fn connection(&self, database: &str) -> Vec<OsString> {
        let socket = self.scratch.path("socket").into_os_string();
        vec!["-h".into(), socket, "-p".into(), PORT.into(), "-U".into(), self.user.into(), "-d".into(), database.into()]
    }

    /// Checks tables and indexes of all databases. `None` if `pg_amcheck` or its extension is not installed.
    pub async fn amcheck(&self, jobs: u16) -> Result<Option<bool>, DrillError> {
        let Some(program) = self.binaries.program("pg_amcheck", &[OPTIONS]) else { return Ok(None) };
        let socket = self.scratch.path("socket").into_os_string();
        let arguments = [
            "--all".into(),
            "--install-missing".into(),
            format!("--jobs={jobs}").into(),
            "-h".into(),
            socket,
            "-p".into(),
            PORT.into(),
            "-U".into(),
            self.user.into(),
        ];
        let output = self.run(&program, &arguments, "pg_amcheck").await?;
        let printed = text_of(&output);
        match output.status.code() {
            Some(0) => Ok(Some(true)),
            Some(2) => Err(DrillError::Amcheck(first_line(&printed))),
            _ if printed.contains("could not open extension control file") || printed.contains("is not available") => {
                Ok(None)
            }
            _ => Err(DrillError::Amcheck(first_line(&printed))),
        }
    }

    /// Checks all pages of a stopped cluster. `None` if `pg_checksums` is not installed.
    pub async fn checksums(&self) -> Result<Option<bool>, DrillError> {
        let Some(program) = self.binaries.program("pg_checksums", &[]) else { return Ok(None) };
        let arguments = ["--check".into(), "-D".into(), self.scratch.path("data").into()];
        let output = self.run(&program, &arguments, "pg_checksums").await?;
        if output.status.success() { Ok(Some(true)) } else { Err(DrillError::Checksums(first_line(&text_of(&output)))) }
    }

    /// The output of `pg_controldata`.
    pub async fn control_data(&self) -> Result<String, DrillError> {
        let program = self.binaries.program("pg_controldata", &[]);
        let program = program.ok_or_else(|| DrillError::Recovery("pg_controldata is not installed".to_owned()))?;
        let output = self.run(&program, &[self.scratch.path("data").into()], "pg_controldata").await?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(DrillError::Recovery(format!("pg_controldata: {}", first_line(&text_of(&output)))))
    }

    async fn run(
        &self,
        program: &crate::command::Program,
        arguments: &[OsString],
        what: &'static str,
    ) -> Result<ProcessOutput, DrillError> {
        let output = program.run(arguments, self.deadline).await;
        output.map_err(|source: RunError| DrillError::Run { what, source })
    }
}

/// How long a clean stop may take: it writes a checkpoint.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(600);

fn text_of(output: &ProcessOutput) -> String {
    [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}

/// The first line that is not empty, of a length that a label may have.
fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("no error message");
    shorten(line)
}
