//! The exporters under test, which a build has to have put somewhere.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const NAMES: [&str; 3] = ["pg-exporter", "pgbouncer-exporter", "pgbackrest-exporter"];

/// The folder with the exporters' programs: `PROGRAMS`, absolute or relative to the repository, by default the one that the
/// same cargo profile builds to. Fails when a program is missing, or older than one of its sources.
pub fn programs() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = match std::env::var_os("PROGRAMS") {
            Some(folder) => super::root().join(folder),
            // `target/debug/deps/servers-…` is the test that runs.
            None => std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned(),
        };
        NAMES.iter().for_each(|name| assert_current(&folder, name));
        folder
    });
    &FOLDER
}

/// The program pg-exporter.
pub fn binary() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| programs().join("pg-exporter"));
    &PROGRAM
}

/// The program pgbouncer-exporter.
pub fn pgbouncer_exporter() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| programs().join("pgbouncer-exporter"));
    &PROGRAM
}

/// The program pgbackrest-exporter.
pub fn pgbackrest_exporter() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| programs().join("pgbackrest-exporter"));
    &PROGRAM
}

fn assert_current(folder: &Path, name: &str) {
    const BUILD: &str =
        "build the programs with `cargo build --workspace --all-targets`, or set PROGRAMS to their folder";
    let program = folder.join(name);
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let Some(built) = changed(&program) else { panic!("{} is missing: {BUILD}", program.display()) };
    let newer = sources(&program).into_iter().find(|source| changed(source).is_some_and(|changed| changed > built));
    if let Some(source) = newer {
        panic!("{} is older than {}: {BUILD}", program.display(), source.display());
    }
}

/// The files that cargo says it was built from, `PROGRAM: SOURCE SOURCE …`; none where it was not built by cargo. Those of
/// git only give the revision, which no behaviour depends on.
fn sources(program: &Path) -> Vec<PathBuf> {
    let rule = std::fs::read_to_string(program.with_extension("d")).unwrap_or_default();
    let (_, sources) = rule.split_once(": ").unwrap_or_default();
    // A space in a name is written as `\ `.
    let names = sources.trim_end().replace("\\ ", "\0");
    names
        .split(' ')
        .filter(|name| !name.is_empty() && !name.contains("/.git/"))
        .map(|name| name.replace('\0', " ").into())
        .collect()
}
