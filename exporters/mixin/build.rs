//! Lists the dashboards, and has cargo build again when a source of rules or a dashboard comes, changes or goes.

use std::path::Path;
use std::{env, fs, io};

const DASHBOARDS: &str = "../../dashboards";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../alerts/source");
    // Not the whole folder: cargo would look at each file of the preview's packages.
    println!("cargo::rerun-if-changed={DASHBOARDS}/source/pages");
    let folder = fs::canonicalize(DASHBOARDS)?;
    let mut names: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    names.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    names.sort();
    let mut list = "&[\n".to_owned();
    for path in &names {
        println!("cargo::rerun-if-changed={}", path.display());
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        list.push_str(&format!("    (r#\"{stem}\"#, include_str!(r#\"{}\"#)),\n", path.display()));
    }
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("dashboards.rs"), list + "]\n")
}
