//! pgBackRest quotes its configuration in errors and warnings, and what it quotes may be a password.

use std::fs;

use lab::{Backrest, BackrestRelease, Exporter};
use support::outcome::scrape_until;
use support::pgbackrest_exporter;

use super::{STANZA, exporter, next_page};

const SECRET: &str = "s3cr3t";

/// What is wrong, the configuration after its own lines, and what is shown of pgBackRest's words.
const BROKEN: &[(&str, &str, &str)] = &[
    (
        "a line without =",
        "repo1-cipher-type=aes-256-cbc\nrepo1-cipher-pass s3cr3t",
        "missing '=' in key/value at line 6",
    ),
    ("a line that is all secret", "s3cr3t", "missing '=' in key/value at line 5"),
    ("a secret in two lines", "repo1-cipher-pass=abc\n  s3cr3t==", "configuration file contains an invalid option"),
    ("no name", "=s3cr3t", "key is zero-length at line 5"),
    ("a section without an end", "[s3cr3t", "ini section should end with ] at line 5"),
    ("a name that is not known", "s3cr3t=x", "configuration file contains an invalid option"),
    ("a type", "repo1-cipher-type=s3cr3t", "a value is not allowed for option repo1-cipher-type"),
    ("a storage type", "repo1-type=s3cr3t", "a value is not allowed for option repo1-type"),
    ("a size", "buffer-size=s3cr3t", "a value is not valid for option buffer-size"),
    ("a number", "io-timeout=s3cr3t", "a value is not valid for option io-timeout"),
    ("a path of the repository", "repo2-path=s3cr3t", "a value must begin with / for option repo2-path"),
    ("quotes in a value", "io-timeout=1' is not valid for 's3cr3t", "a value is not valid for option io-timeout"),
    (
        "a URL",
        "repo1-type=s3\nrepo1-s3-bucket=b\nrepo1-s3-region=r\nrepo1-s3-endpoint=https://a:s3cr3t@127.0.0.1:1\nrepo1-s3-key=s3cr3t\nrepo1-s3-key-secret=s3cr3t",
        "[FormatError] invalid URL",
    ),
    (
        "a host",
        "repo1-host=a:s3cr3t@x.invalid\nrepo1-host-config=/s3cr3t",
        "process on another host terminated unexpectedly",
    ),
    (
        "a file of a key",
        "repo1-type=gcs\nrepo1-gcs-bucket=b\nrepo1-gcs-key=/s3cr3t",
        "[FileMissingError] unable to open missing file for read",
    ),
    (
        "an account",
        "repo1-type=azure\nrepo1-azure-container=c\nrepo1-azure-account=s3cr3t\nrepo1-azure-key=s3cr3t",
        "invalid value for option repo1-azure-key",
    ),
];

/// Configurations that pgBackRest refuses as a whole.
const WITHOUT_SECTION: &[(&str, &str, &str)] = &[
    ("a key outside a section", "repo1-cipher-pass=s3cr3t", "key/value found outside of section at line 1"),
    ("a section that is cut", "[s3cr3t", "ini section should end with ] at line 1"),
];

fn own_lines(backrest: &Backrest) -> String {
    let here = backrest.folder().display();
    format!("[global]\nlog-path={here}/log\nlock-path={here}/lock\nio-timeout=2\n")
}

fn everything(exporter: &Exporter) -> String {
    let pages = ["/metrics", "/", "/explain", "/stat", "/up"].map(|path| exporter.get(path).unwrap().text());
    pages.join("\n") + &exporter.log()
}

fn assert_hidden(exporter: &Exporter, whose: &str, shown: &str) {
    let text = everything(exporter);
    let found = text.lines().find(|line| line.contains(SECRET));
    assert_eq!(found, None, "{whose}");
    assert!(text.replace("&#39;", "'").contains(shown), "{whose}: {shown}: {text}");
}

#[test]
fn quoted_configuration_is_redacted() {
    std::thread::scope(|scope| {
        for release in BackrestRelease::ALL {
            scope.spawn(move || files_of(release));
        }
    });
}

fn files_of(release: BackrestRelease) {
    let backrest = Backrest::new(release, &[]).unwrap();
    let exporter = exporter(&backrest, &["--log.level=debug"]);
    let own = own_lines(&backrest);
    let broken = BROKEN.iter().map(|(what, lines, shown)| {
        // It refuses to be told a thing twice.
        let own = if lines.contains("io-timeout") {
            own.replace("io-timeout=2\n", "compress-level=1\n")
        } else {
            own.clone()
        };
        (what, format!("{own}{lines}\n"), shown)
    });
    let whole = WITHOUT_SECTION.iter().map(|(what, lines, shown)| (what, format!("{lines}\n{own}"), shown));
    let mut quoted = 0;
    for (what, config, shown) in broken.chain(whole) {
        fs::write(backrest.config(), config).unwrap();
        let said = backrest.command(STANZA, &["info"]).output().unwrap();
        let said = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        quoted += usize::from(said.contains(SECRET));
        next_page(&exporter);
        assert_hidden(&exporter, &format!("{release}: {what}"), shown);
    }
    assert!(quoted >= 12, "{release}: {quoted} of them are quoted");
}

#[test]
fn quoted_environment_and_arguments_are_redacted() {
    for release in BackrestRelease::ALL {
        let backrest = Backrest::new(release, &[]).unwrap();
        let include = backrest.folder().join("include");
        fs::create_dir(&include).unwrap();
        fs::write(include.join("a.conf"), "s3cr3t\n").unwrap();
        let include = format!("--backrest.config-include-path={}", include.display());
        let cases: [(&[&str], (&str, &str), &str); 5] = [
            (&[], ("PGBACKREST_REPO1_CIPHER_TYPE", SECRET), "a value is not allowed for option repo1-cipher-type"),
            (&[], ("PGBACKREST_S3CR3T", "x"), "environment contains an invalid option"),
            (&[], ("PGBACKREST_BUFFER_SIZE", SECRET), "a value is not valid for option buffer-size"),
            (
                &[],
                ("PGBACKREST_REPO1_CIPHER_PASS", ""),
                "environment variable for option repo1-cipher-pass must have a value",
            ),
            (&[&include], ("A", "b"), "key/value found outside of section at line 1"),
        ];
        for (more, variable, shown) in cases {
            let mut args = vec![
                format!("--backrest.binary={}", backrest.program().display()),
                format!("--backrest.config={}", backrest.config().display()),
                "--collect.interval=0.5".to_owned(),
                "--log.level=debug".to_owned(),
            ];
            args.extend(backrest.user().map(|user| format!("--backrest.user={user}")));
            args.extend(more.iter().map(|arg| (*arg).to_owned()));
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let exporter = Exporter::start(pgbackrest_exporter(), &args, &[variable]).unwrap();
            next_page(&exporter);
            assert_hidden(&exporter, &format!("{release}: {variable:?} {more:?}"), shown);
        }
    }
}

/// A filter of a user sees no more than the filters inside.
#[test]
fn custom_filters_see_redacted_text() {
    let backrest = Backrest::new(BackrestRelease::Newest, &[]).unwrap();
    let (_, lines, _) = BROKEN.iter().find(|(what, ..)| *what == "a URL").unwrap();
    fs::write(backrest.config(), format!("{}{lines}\n", own_lines(&backrest))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let yaml =
        "own:\n  query: '.[] | {all: tostring, n: 1}'\n  metrics: [ all: { usage: LABEL }, n: { usage: GAUGE } ]\n";
    fs::write(folder.path().join("own.yml"), yaml).unwrap();
    let config = format!("--config={}", folder.path().display());
    let exporter = exporter(&backrest, &[&config]);
    scrape_until(&exporter, "the document", |page| !page.samples("own_n", &[]).is_empty());
    assert_hidden(&exporter, "a filter", "[FormatError] invalid URL");
}
