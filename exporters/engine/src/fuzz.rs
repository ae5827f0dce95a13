//! Entry points for the targets in `fuzz/`. Not an interface.

use crate::catalog::{Catalog, EmbeddedFolder, LoadRules, Origin};
use crate::exposition::{Format, accepts_gzip, close_labels, write_label};
use crate::tiers::Tiers;

/// Loads the text of one collector file; an error has every diagnostic.
///
/// # Errors
/// What `check` would print.
pub fn load_collectors(text: &str) -> Result<usize, String> {
    let folder = EmbeddedFolder { name: "fuzz", files: vec![("fuzz.yml".to_owned(), text.to_owned())] };
    let loaded = Catalog::load_checked(&Origin::Embedded(folder), &Tiers::default(), &LoadRules::default());
    loaded.map(|catalog| catalog.collectors.len()).map_err(|error| error.to_string())
}

/// A label set with one label.
pub fn encode_label(value: &str) -> String {
    let mut out = Vec::new();
    write_label(&mut out, "label", value);
    close_labels(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The text without passwords.
pub fn mask_secrets(text: &str) -> String {
    crate::redact::secrets(text).into_owned()
}

/// The text of a statement without comments and constants.
pub fn mask_statement(text: &str) -> String {
    crate::redact::statement(text)
}

/// Parses a web configuration, without the files that it names.
///
/// # Errors
/// What the log would say.
pub fn parse_web_config(text: &[u8]) -> Result<(), String> {
    crate::listen::parse_only(text)
}

/// Negotiates the format of a page: its content type, and whether it is compressed.
pub fn negotiate(accept: &str, accept_encoding: &str) -> (&'static str, bool) {
    (Format::negotiate(Some(accept), false).content_type(), accepts_gzip(Some(accept_encoding)))
}
