//! Where collector files are, and their texts.

use std::fmt;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use crate::collector::{Diagnostic, Position};

/// A folder of collector files that is embedded in the program.
#[derive(Debug, Clone)]
pub struct EmbeddedFolder {
    /// Its name in `--config builtin:NAME`.
    pub name: &'static str,
    /// File name and text of each.
    pub files: Vec<(String, String)>,
}

impl EmbeddedFolder {
    /// The `.yml` files of a folder that the program was compiled with.
    pub fn of<Files: RustEmbed>(name: &'static str) -> Self {
        let mut names: Vec<_> = Files::iter().collect();
        names.sort_unstable();
        let text = |name: &str| Files::get(name).map(|file| String::from_utf8_lossy(&file.data).into_owned());
        let files = names.iter().filter_map(|file| Some((format!("builtin:{name}/{file}"), text(file)?))).collect();
        Self { name, files }
    }

    /// Writes the files into a folder that is new or empty, and says so.
    ///
    /// # Errors
    /// The folder has files, or cannot be written to.
    pub(crate) fn dump(&self, folder: &Path) -> Result<String, String> {
        let fault = |error: std::io::Error| format!("cannot write to {}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(fault)?;
        if std::fs::read_dir(folder).map_err(fault)?.next().is_some() {
            return Err(format!("{} is not empty: give a new folder", folder.display()));
        }
        for (name, text) in &self.files {
            let name = name.rsplit('/').next().unwrap_or(name);
            std::fs::write(folder.join(name), text).map_err(fault)?;
        }
        Ok(format!("{}: {} files of builtin:{}\n", folder.display(), self.files.len(), self.name))
    }
}

/// Where collector files are.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Embedded(EmbeddedFolder),
    Path(PathBuf),
}

impl Origin {
    /// Their names, as errors and pages show them.
    pub fn list(origins: &[Self]) -> String {
        origins.iter().map(Self::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => write!(f, "builtin:{}", folder.name),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

/// File names and texts; what cannot be read is a diagnostic of the file as a whole.
pub(super) fn read_texts(origin: &Origin) -> (Vec<(String, String)>, Vec<Diagnostic>) {
    let path = match origin {
        Origin::Embedded(folder) => {
            let is_yaml = |(name, _): &&(String, String)| name.ends_with(".yml");
            return (folder.files.iter().filter(is_yaml).cloned().collect(), Vec::new());
        }
        Origin::Path(path) => path,
    };
    let mut diagnostics = Vec::new();
    let mut files = Vec::new();
    match yaml_files(path) {
        Ok(paths) if paths.is_empty() => diagnostics.push(whole(path, "no .yml or .yaml file in this folder")),
        Ok(paths) => {
            // A pipe on the command line, such as <(command), is read once; in a folder there is no use for one.
            let read = if paths == [path.clone()] { files::read_file_or_pipe } else { files::read };
            for path in paths {
                match read(&path).map(String::from_utf8) {
                    Ok(Ok(text)) => files.push((path.display().to_string(), text)),
                    Ok(Err(error)) => {
                        let sound = error.utf8_error().valid_up_to();
                        diagnostics.push(not_utf8(&path, error.as_bytes().get(..sound).unwrap_or_default()));
                    }
                    Err(error) => diagnostics.push(whole(&path, &format!("cannot be read: {error}"))),
                }
            }
        }
        Err(error) => diagnostics.push(whole(path, &format!("cannot be read: {error}"))),
    }
    (files, diagnostics)
}

/// The text of a file beside a collector file.
pub(super) fn sql_file(origin: &Origin, path: &Path) -> Result<String, String> {
    match origin {
        Origin::Path(_) => files::read_text(path).map_err(|error| error.to_string()),
        Origin::Embedded(folder) => {
            let found = folder.files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| text.clone()).ok_or_else(|| "no such file inside the program".to_owned())
        }
    }
}

fn yaml_files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// A diagnostic of a file as a whole.
pub(super) fn whole(path: &Path, message: &str) -> Diagnostic {
    Diagnostic::new(&path.display().to_string().into(), Position::default(), message)
}

/// `sound` is the text before the first byte that is not UTF-8.
fn not_utf8(path: &Path, sound: &[u8]) -> Diagnostic {
    let sound = String::from_utf8_lossy(sound);
    let position = Position::of(&sound, sound.len());
    Diagnostic { position, ..whole(path, "this byte is not UTF-8: save the file as UTF-8") }
}
