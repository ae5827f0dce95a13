//! The command `import`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::collector::CollectorDraft;
use crate::error::ImportError;
use crate::formats::SourceFormat;
use crate::overlap;
use crate::render;
use crate::report::ImportReport;
use crate::statement;

/// Writes collector files that export what the query files of another exporter do
///
/// The report on standard error names what changed, and what did not carry over.
#[derive(Debug, Parser)]
#[command(name = "pg-exporter import", disable_version_flag = true, after_help = EXIT_STATUS)]
struct Options {
    /// The exporter that the files are of
    #[arg(value_enum)]
    format: SourceFormat,
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The folder to write a collector file for each file to; default: standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Schemas, after pg_catalog, in which the queries' names without a schema are looked up
    #[arg(long, value_name = "SCHEMA", value_delimiter = ',')]
    search_path: Vec<String>,
}

const EXIT_STATUS: &str = "Exit status: 0 if everything was imported, 1 if a file cannot be read or is of another \
    format, 2 if something did not carry over. With 2, the rest is written.";

/// Something did not carry over.
const INCOMPLETE: u8 = 2;

/// Runs the command with the arguments after its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(std::iter::once("pg-exporter import".into()).chain(arguments)) {
        Ok(options) => options,
        Err(text) => {
            // If the terminal is gone, nobody can read this.
            text.print().ok();
            return if text.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match act(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(INCOMPLETE),
        Err(error) => {
            eprintln!("pg-exporter import: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Imports all files; returns whether everything carried over. Nothing is written unless all files can be read.
fn act(options: &Options) -> Result<bool, ImportError> {
    let imported = options.files.iter().map(|file| import(file, options)).collect::<Result<Vec<_>, _>>()?;
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    let mut outputs: Vec<(PathBuf, String)> = Vec::new();
    let mut is_complete = true;
    for (file, (collectors, mut report)) in options.files.iter().zip(imported) {
        let place = file.display().to_string();
        let mut collectors = unique(collectors, &place, &mut taken, &mut report);
        overlap::skip_doubles(&mut collectors, &mut report);
        let about = format!("Imported from {}: {}", options.format.name(), file_name(file));
        let path = Path::new(&file_name(file)).with_extension("yml");
        if outputs.iter().any(|(other, _)| *other == path) && options.out.is_some() {
            return Err(ImportError::SameName(path));
        }
        outputs.push((path, render::file(&about, &collectors, &options.search_path)));
        is_complete &= report.is_complete();
        eprint!("{report}");
    }
    for (path, text) in outputs {
        match &options.out {
            Some(folder) => write(folder, &path, &text)?,
            None => print!("{text}"),
        }
    }
    if options.search_path.is_empty() {
        eprintln!("names without a schema are looked up in pg_catalog only: --search-path adds schemas");
    }
    Ok(is_complete)
}

fn import(file: &Path, options: &Options) -> Result<(Vec<CollectorDraft>, ImportReport), ImportError> {
    let text = files::read_text_or_pipe(file).map_err(|error| ImportError::Read { path: file.into(), error })?;
    let place = file.display().to_string();
    let (root, second) = engine::parse_yaml(&text).map_err(|(at, error)| ImportError::Yaml {
        place: place.clone(),
        line: at.line,
        column: at.column,
        error,
    })?;
    let (mut collectors, mut report) = options.format.read(&place, &root)?;
    if let Some(at) = second {
        report.lost(at, "a second document is not read: write it to a file of its own");
    }
    if options.search_path.is_empty() {
        collectors.iter_mut().for_each(find_extension);
    }
    Ok((collectors, report))
}

/// Objects of an extension are found in its schema by the tag that names it.
fn find_extension(collector: &mut CollectorDraft) {
    if let Some(extension) = collector.ask.sql().and_then(statement::extension) {
        collector.tags.push(format!("extension:{extension}"));
    }
}

/// The collectors whose name no earlier file has.
fn unique(
    collectors: Vec<CollectorDraft>,
    place: &str,
    taken: &mut BTreeMap<String, String>,
    report: &mut ImportReport,
) -> Vec<CollectorDraft> {
    let mut kept = Vec::new();
    for collector in collectors {
        match taken.get(&collector.key) {
            Some(earlier) => {
                report.lost(Default::default(), format!("{}: {earlier} has it already: rename one", collector.key));
            }
            None => {
                taken.insert(collector.key.clone(), place.to_owned());
                kept.push(collector);
            }
        }
    }
    kept
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

fn write(folder: &Path, name: &Path, text: &str) -> Result<(), ImportError> {
    let path = folder.join(name);
    let fault = |error| ImportError::Write { path: path.clone(), error };
    fs::create_dir_all(folder).map_err(fault)?;
    fs::write(&path, text).map_err(fault)
}
