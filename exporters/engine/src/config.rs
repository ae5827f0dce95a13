//! What `--config` says: which files and embedded folders the collectors come from.

use std::path::{Path, PathBuf};

use crate::catalog::{EmbeddedFolder, LoadError, Origin};
use crate::exporter::{Exporter, Failure};

/// A file, folder or builtin name as the flags give it.
enum ConfigPath {
    Builtin(String),
    Path(PathBuf),
}

impl ConfigPath {
    /// The paths of one flag or variable, separated by commas; a file may have a comma in its name.
    fn parse(text: &str) -> Vec<Self> {
        if Path::new(text).exists() {
            return vec![Self::Path(text.into())];
        }
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let path = |part: &str| match part.strip_prefix("builtin:") {
            Some(name) => Self::Builtin(name.to_owned()),
            None => Self::Path(part.into()),
        };
        parts.map(path).collect()
    }
}

/// Where the collector files are: what is configured, else the first embedded folder.
pub(crate) fn origins(exporter: &Exporter, config: &[String]) -> Result<Vec<Origin>, Failure> {
    let known = || exporter.embedded.iter().map(|folder| folder.name).collect::<Vec<_>>().join(", ");
    let origin = |path: ConfigPath| match path {
        ConfigPath::Path(path) => Ok(Origin::Path(path)),
        ConfigPath::Builtin(name) => match exporter.embedded.iter().find(|folder| folder.name == name) {
            Some(folder) => Ok(Origin::Embedded(folder.clone())),
            None => Err(format!("--config builtin:{name}: no such embedded folder: expected one of {}", known())),
        },
    };
    let origins = config.iter().flat_map(|text| ConfigPath::parse(text)).map(origin);
    let origins = origins.collect::<Result<Vec<_>, String>>()?;
    if !origins.is_empty() {
        return Ok(origins);
    }
    let embedded = exporter.embedded.first().cloned().map(Origin::Embedded);
    embedded.map(|origin| vec![origin]).ok_or_else(|| "no embedded collectors: set --config".into())
}

/// The embedded folder that the flags name, else the default one.
pub(crate) fn embedded_folder<'a>(exporter: &'a Exporter, config: &[String]) -> Result<&'a EmbeddedFolder, Failure> {
    let of_flags = config.iter().flat_map(|text| ConfigPath::parse(text)).find_map(|path| match path {
        ConfigPath::Builtin(name) => Some(name),
        ConfigPath::Path(_) => None,
    });
    let mut folders = exporter.embedded.iter();
    let found = match &of_flags {
        Some(name) => folders.find(|folder| folder.name == name),
        None => folders.next(),
    };
    found.ok_or_else(|| format!("no such embedded folder: {}", of_flags.unwrap_or_default()).into())
}

/// All errors of the collector files, with how many and of which files.
pub(crate) fn summary(error: &LoadError, origins: &[Origin]) -> Failure {
    let count = error.diagnostics.len();
    let errors = if count == 1 { "error" } else { "errors" };
    format!("{count} {errors} in the collector files of {}\n{error}", Origin::list(origins)).into()
}
