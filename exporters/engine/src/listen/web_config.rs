//! The web configuration file of exporter-toolkit: its schema, and the settings that it gives.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::de;
use serde::{Deserialize, Deserializer};
use serde_saphyr::{MessageFormatter as _, UserMessageFormatter};

use super::auth::Users;
use super::blank::unless_blank;
use super::error::ListenError;
use super::protection::{Protection, TlsProtection};
use super::rate_limit::{RateLimit, RateLimitSection};
use super::tls::{ServerTls, TlsSection};
use super::watched_files::WatchedFiles;

/// The settings of a web configuration, checked and ready for use. The default is that of an empty file.
#[derive(Default)]
pub(super) struct WebConfig {
    /// `None` is plain HTTP.
    pub(super) tls: Option<ServerTls>,
    /// Headers every response gets.
    pub(super) headers: HeaderMap,
    /// Users with access; everybody if empty.
    pub(super) users: Users,
    /// `None` is no limit.
    pub(super) rate_limit: Option<RateLimit>,
    /// Access control.
    pub(super) protection: Protection,
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
    let invalid = |_| de::Error::custom("a character that is not allowed in an HTTP header");
    text.map(|text| HeaderValue::try_from(text).map_err(invalid)).transpose()
}

impl WebConfig {
    /// Reads and checks the web configuration and the files it names.
    ///
    /// # Errors
    /// A file cannot be read, is malformed, or the settings cannot be followed.
    pub(super) fn read(files: &mut WatchedFiles) -> Result<Self, ListenError> {
        let text = files.read_config()?;
        let sections = parse(&text, files)?;
        let http = sections.http_server_config.unwrap_or_default();
        let section = sections.tls_server_config;
        let tls_protection = section.as_ref().map(TlsSection::protection).unwrap_or_default();
        let tls = match section {
            Some(section) => section.server_config(http.http2.unwrap_or(true), files)?,
            None => None,
        };
        let basic_auth_is_off = sections.basic_auth_users.as_ref().is_some_and(Users::is_empty);
        let users = sections.basic_auth_users.unwrap_or_default();
        let protection = Protection {
            basic_auth: !users.is_empty(),
            basic_auth_is_off,
            tls: TlsProtection { on: tls.is_some(), ..tls_protection },
        };
        let rate_limit = sections.rate_limit.unwrap_or_default().limit().map_err(|message| files.wrong(message))?;
        Ok(Self { tls, headers: http.headers.unwrap_or_default().headers(), users, rate_limit, protection })
    }

    /// When its certificate expires, in Unix seconds; `None` without TLS.
    pub(super) fn certificate_expiry(&self) -> Option<f64> {
        self.tls.as_ref()?.certificate_expiry
    }
}

fn parse(text: &[u8], files: &WatchedFiles) -> Result<Sections, ListenError> {
    let parsed: Result<Option<Sections>, _> = serde_saphyr::from_slice(text);
    match parsed {
        Ok(sections) => Ok(sections.unwrap_or_default()),
        Err(error) => {
            // Without the snippet, which would show what may be secret.
            let error = error.without_snippet();
            let location = error.location();
            Err(ListenError::Syntax {
                path: files.path().to_owned(),
                line: location.map_or(1, |location| location.line()),
                column: location.map_or(1, |location| location.column()),
                message: UserMessageFormatter.format_message(error).into_owned(),
            })
        }
    }
}

/// Parses a text as [`WebConfig::read`] does, without the files that it names.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn parse_only(text: &[u8]) -> Result<(), String> {
    let files = WatchedFiles::new("web.yml".into());
    let sections = parse(text, &files).map_err(|error| error.to_string())?;
    sections.http_server_config.unwrap_or_default().headers.unwrap_or_default().headers();
    sections.rate_limit.unwrap_or_default().limit().map(|_| ())
}
