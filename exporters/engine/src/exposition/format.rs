//! Which format and compression a scraper gets.

/// The format of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    OpenMetrics,
}

impl Format {
    /// The format for an `Accept` header: text whenever the client accepts it, since OpenMetrics has no type for a
    /// counter without `_total`; OpenMetrics when the client accepts nothing else, and whenever it does if `preferred`.
    pub fn negotiate(accept: Option<&str>, preferred: bool) -> Self {
        let Some(accept) = accept else { return Self::Text };
        let (mut text, mut open_metrics) = (false, false);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default();
            let mut version = None;
            let mut refused = false;
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim() {
                    "version" => version = Some(value.trim()),
                    "q" => refused = value.trim().parse().is_ok_and(|q: f64| q <= 0.0),
                    _ => {}
                }
            }
            match kind {
                _ if refused => {}
                "application/openmetrics-text" => open_metrics |= version.is_none_or(|v| v == "1.0.0"),
                "text/plain" | "text/*" | "*/*" => text = true,
                _ => {}
            }
        }
        if open_metrics && (preferred || !text) { Self::OpenMetrics } else { Self::Text }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Whether an `Accept-Encoding` header offers gzip.
pub(crate) fn accepts_gzip(header: Option<&str>) -> bool {
    header.unwrap_or_default().split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse().is_ok_and(|q: f64| q <= 0.0)));
        name.eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_text_unless_only_openmetrics_is_accepted() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        assert_eq!(Format::negotiate(None, true), Format::Text);
        assert_eq!(Format::negotiate(Some(prometheus), false), Format::Text);
        assert_eq!(Format::negotiate(Some(prometheus), true), Format::OpenMetrics);
        assert_eq!(Format::negotiate(Some("application/openmetrics-text"), false), Format::OpenMetrics);
        assert_eq!(Format::negotiate(Some("application/openmetrics-text;version=0.0.1"), true), Format::Text);
        assert_eq!(Format::negotiate(Some("application/openmetrics-text, text/plain;q=0"), false), Format::OpenMetrics);
    }

    #[test]
    fn accepts_gzip_when_offered() {
        assert!(accepts_gzip(Some("deflate, gzip;q=1.0, *;q=0.5")));
        assert!(!accepts_gzip(Some("gzip;q=0")));
        assert!(!accepts_gzip(Some("identity")));
        assert!(!accepts_gzip(None));
    }
}
