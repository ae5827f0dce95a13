//! pgbackrest-exporter on real repositories, on programs that fail in every way, and held against another exporter's list.

mod bounds;
mod coverage;
mod doctor;
mod drill;
mod faults;
mod full_disk;
mod landing;
mod many;
mod quotes;
mod reading;
mod releases;
mod s3;
mod script;
mod states;
mod strange;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use lab::{Backrest, BackrestRelease, Exporter, Major, Postgres};
use support::outcome::scrape_until;
use support::{Page, pgbackrest_exporter};

/// A server that archives to two repositories; the second is encrypted and, where that is supported, keeps blocks.
struct Stage {
    backrest: Backrest,
    server: Postgres,
}

/// The stanza of every stage.
const STANZA: &str = "demo";

impl Stage {
    fn build(release: BackrestRelease) -> Stage {
        let mut options = vec![
            "repo2-path={folder}/repo2",
            "repo2-retention-full=9",
            "repo2-cipher-type=aes-256-cbc",
            "repo2-cipher-pass=a-secret-of-the-repository",
        ];
        if release != BackrestRelease::V2_45 {
            options.extend(["repo2-bundle=y", "repo2-block=y"]);
        }
        let backrest = Backrest::new(release, &options).unwrap();
        let server = server_for(&backrest, release);
        backrest.create_stanza(STANZA, &server).unwrap();
        Stage { backrest, server }
    }

    /// Makes a backup in one repository.
    fn backup(&self, kind: &str, repository: &str, more: &[&str]) {
        let repository = format!("--repo={repository}");
        self.backrest.backup(STANZA, kind, &[&[repository.as_str()], more].concat()).unwrap();
    }
}

fn server_for(backrest: &Backrest, release: BackrestRelease) -> Postgres {
    let major = if release == BackrestRelease::V2_45 { Major::V15 } else { Major::V18 };
    let builder = Postgres::builder(major).setting("archive_mode", "on");
    builder.setting("archive_command", &backrest.archive_command(STANZA)).start().unwrap()
}

/// An exporter of that configuration, which collects twice a second and keeps no result of a filter.
fn exporter(backrest: &Backrest, more: &[&str]) -> Exporter {
    let mut args = vec![
        format!("--backrest.binary={}", backrest.program().display()),
        format!("--backrest.config={}", backrest.config().display()),
        "--collect.interval=0.5".to_owned(),
        "--disable-cache".to_owned(),
    ];
    args.extend(backrest.user().map(|user| format!("--backrest.user={user}")));
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Exporter::start(pgbackrest_exporter(), &args, &[]).unwrap()
}

fn is_up(page: &Page) -> bool {
    page.value("pgbackrest_up", &[]) == Some(1.0)
}

/// The page after the first collection, which has to succeed.
fn first_page(exporter: &Exporter) -> Page {
    let page = scrape_until(exporter, "pgbackrest is up", is_up);
    assert!(failed(&page).is_empty(), "{:?}\n{}", failed(&page), exporter.log());
    page
}

/// Collectors whose last run failed.
fn failed(page: &Page) -> Vec<&str> {
    let success = page.samples("pgbackrest_exporter_collector_success", &[]).into_iter();
    success.filter(|one| one.value != 1.0).map(|one| &*one.labels["collector"]).collect()
}

/// The page when a collection that begins from now on has ended.
fn next_page(exporter: &Exporter) -> Page {
    let runs = |page: &Page| {
        let of = |name: &str| page.samples(name, &[]).iter().map(|sample| sample.value).sum::<f64>();
        of("pgbackrest_collect_runs_total")
    };
    let before = runs(&support::scrape(exporter));
    // The one that runs now may have begun earlier.
    scrape_until(exporter, "two more collections", |page| runs(page) >= before + 2.0)
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    files.sort();
    files
}
