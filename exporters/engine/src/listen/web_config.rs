//! The web configuration file of exporter-toolkit: its schema, and the settings in force.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use rustls::ServerConfig;
use serde::de::{self, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{MessageFormatter as _, UserMessageFormatter};
use tokio::task::spawn_blocking;

use super::ListenError;
use super::auth::Users;
use super::rate_limit::{RateLimit, RateLimitSection};
use super::reading::Reading;
use super::tls::TlsSection;

/// The settings of a web configuration, checked and ready for use. The default is that of an empty file.
#[derive(Default)]
pub(super) struct WebConfig {
    /// `None` is plain HTTP.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// Headers every response gets.
    pub(super) headers: HeaderMap,
    /// Who may ask; everybody if empty.
    pub(super) users: Users,
    /// `None` is no limit.
    pub(super) rate_limit: Option<RateLimit>,
}

/// The file as it is written. Every section may be absent or null.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sections {
    tls_server_config: Option<TlsSection>,
    http_server_config: Option<HttpSection>,
    basic_auth_users: Option<Users>,
    rate_limit: Option<RateLimitSection>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpSection {
    http2: Option<bool>,
    headers: Option<HeaderSection>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderSection {
    #[serde(rename = "Content-Security-Policy", default, deserialize_with = "header_value")]
    content_security_policy: Option<HeaderValue>,
    #[serde(rename = "X-Frame-Options", default, deserialize_with = "unless_blank")]
    x_frame_options: Option<FrameOptions>,
    #[serde(rename = "X-Content-Type-Options", default, deserialize_with = "unless_blank")]
    x_content_type_options: Option<ContentTypeOptions>,
    #[serde(rename = "X-XSS-Protection", default, deserialize_with = "header_value")]
    x_xss_protection: Option<HeaderValue>,
    #[serde(rename = "Strict-Transport-Security", default, deserialize_with = "header_value")]
    strict_transport_security: Option<HeaderValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FrameOptions {
    Deny,
    SameOrigin,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ContentTypeOptions {
    NoSniff,
}

impl HeaderSection {
    fn headers(self) -> HeaderMap {
        let frame_options = self.x_frame_options.map(|word| match word {
            FrameOptions::Deny => "deny",
            FrameOptions::SameOrigin => "sameorigin",
        });
        let content_type_options = self.x_content_type_options.map(|ContentTypeOptions::NoSniff| "nosniff");
        let headers: [(HeaderName, Option<HeaderValue>); 5] = [
            (header::CONTENT_SECURITY_POLICY, self.content_security_policy),
            (header::X_FRAME_OPTIONS, frame_options.map(HeaderValue::from_static)),
            (header::X_CONTENT_TYPE_OPTIONS, content_type_options.map(HeaderValue::from_static)),
            (header::X_XSS_PROTECTION, self.x_xss_protection),
            (header::STRICT_TRANSPORT_SECURITY, self.strict_transport_security),
        ];
        headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// A header's value; blank leaves the header out.
fn header_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<HeaderValue>, D::Error> {
    let text: Option<String> = unless_blank(deserializer)?;
    let invalid = |_| de::Error::custom("a character that no HTTP header may have");
    text.map(|text| HeaderValue::try_from(text).map_err(invalid)).transpose()
}

/// A word, where a blank one is the same as none.
pub(super) fn unless_blank<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
    // An error made by `D` here would point at the key; a custom one points at the value.
    let word = |text: String| T::deserialize(IntoDeserializer::<de::value::Error>::into_deserializer(text));
    text.map(word).transpose().map_err(de::Error::custom)
}

impl WebConfig {
    /// Reads and checks the web configuration and the files it names.
    ///
    /// # Errors
    /// A file cannot be read, is malformed, or the settings cannot be followed.
    fn read(reading: &mut Reading) -> Result<Self, ListenError> {
        let text = reading.read_config()?;
        let sections = parse(&text, reading)?;
        let http = sections.http_server_config.unwrap_or_default();
        let tls = match sections.tls_server_config {
            Some(section) => section.server_config(http.http2.unwrap_or(true), reading)?,
            None => None,
        };
        let rate_limit = sections.rate_limit.unwrap_or_default().limit().map_err(|message| reading.wrong(message))?;
        Ok(Self {
            tls,
            headers: http.headers.unwrap_or_default().headers(),
            users: sections.basic_auth_users.unwrap_or_default(),
            rate_limit,
        })
    }
}

fn parse(text: &[u8], reading: &Reading) -> Result<Sections, ListenError> {
    let parsed: Result<Option<Sections>, _> = serde_saphyr::from_slice(text);
    match parsed {
        Ok(sections) => Ok(sections.unwrap_or_default()),
        Err(error) => {
            // Without the snippet, which would show what may be secret.
            let error = error.without_snippet();
            let location = error.location();
            Err(ListenError::Syntax {
                path: reading.path().to_owned(),
                line: location.map_or(1, |location| location.line()),
                column: location.map_or(1, |location| location.column()),
                message: UserMessageFormatter.format_message(error).into_owned(),
            })
        }
    }
}

/// The web configuration in force: the last good one. It is read again when it, or a file it names, changes.
pub(super) struct WebConfigFile {
    state: Option<Arc<Mutex<State>>>,
    without_file: Arc<WebConfig>,
    is_tls: bool,
}

struct State {
    reading: Reading,
    good: Arc<WebConfig>,
}

impl WebConfigFile {
    /// Reads the configuration for the first time. `None` is the same as an empty file.
    ///
    /// # Errors
    /// The configuration is bad.
    pub(super) fn open(path: Option<PathBuf>) -> Result<Self, ListenError> {
        let without_file = Arc::new(WebConfig::default());
        let Some(path) = path else { return Ok(Self { state: None, without_file, is_tls: false }) };
        let mut reading = Reading::new(path);
        let good = Arc::new(WebConfig::read(&mut reading)?);
        log_warnings(&reading);
        let is_tls = good.tls.is_some();
        Ok(Self { state: Some(Arc::new(Mutex::new(State { reading, good }))), without_file, is_tls })
    }

    /// Whether connections speak TLS; this is settled when the file is first read.
    pub(super) fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The configuration in force, after a look whether the files have changed.
    pub(super) async fn current(&self) -> Arc<WebConfig> {
        let Some(state) = &self.state else { return Arc::clone(&self.without_file) };
        let shared = Arc::clone(state);
        // A look is a few system calls, but on a file system that may be remote.
        match spawn_blocking(move || lock(&shared).refresh()).await {
            Ok(current) => current,
            Err(_) => Arc::clone(&lock(state).good),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn refresh(&mut self) -> Arc<WebConfig> {
        if self.reading.is_outdated() {
            let mut reading = self.reading.again();
            match WebConfig::read(&mut reading) {
                Ok(new) if new.tls.is_some() != self.good.tls.is_some() => tracing::error!(
                    file = %reading.path().display(),
                    "switching TLS on or off needs a restart, the web configuration in force stays"
                ),
                Ok(new) => {
                    log_warnings(&reading);
                    tracing::info!(file = %reading.path().display(), "the web configuration has changed and is in force");
                    self.good = Arc::new(new);
                }
                Err(error) => {
                    tracing::error!(%error, "the changed web configuration is bad, the one in force stays");
                }
            }
            self.reading = reading;
        }
        Arc::clone(&self.good)
    }
}

fn log_warnings(reading: &Reading) {
    for warning in &reading.warnings {
        tracing::warn!(file = %reading.path().display(), "{warning}");
    }
}
