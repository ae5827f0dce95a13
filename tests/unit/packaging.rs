//! What packages install beside the programs: units, settings, manual pages, completions. `make packages-test` installs them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use support::command_line::{err, out};
use support::{path, programs};

const PROGRAMS: [&str; 3] = ["pg-exporter", "pgbouncer-exporter", "pgbackrest-exporter"];

/// What a program prints; of the environment it sees nothing.
fn printed(program: &str, args: &[&str]) -> String {
    let output = Command::new(programs().join(program)).env_clear().args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", err(&output));
    out(&output)
}

/// The long flags that `--help` names at the begin of a line.
fn flags(program: &str) -> BTreeSet<String> {
    let help = printed(program, &["--help"]);
    let begins = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let flag = |line: &str| {
        let at = line.find("--")?;
        Some(line[at..].chars().take_while(|c| !" =[<".contains(*c)).collect())
    };
    begins.filter_map(flag).collect()
}

fn unit(program: &str) -> String {
    std::fs::read_to_string(path(&format!("packaging/systemd/{program}.service"))).unwrap()
}

#[test]
fn manual_pages_and_completions_have_every_flag() {
    for program in PROGRAMS {
        let flags = flags(program);
        assert!(flags.len() > 20, "{flags:?}");
        for form in ["man", "bash", "fish", "zsh"] {
            let text = printed(program, &["manual", form]).replace("\\-", "-") + " ";
            let name = |flag: &str| if form == "fish" { format!("-l {} ", &flag[2..]) } else { flag.to_owned() };
            let missing: Vec<&String> = flags.iter().filter(|flag| !text.contains(&name(flag))).collect();
            assert!(missing.is_empty(), "{program} manual {form}: {missing:?}");
        }
    }
}

#[test]
fn bash_completes_flags_and_commands() {
    let folder = tempfile::tempdir().unwrap();
    for program in PROGRAMS {
        let file = folder.path().join(program);
        std::fs::write(&file, printed(program, &["manual", "bash"])).unwrap();
        let function = format!("_{}", program.replace('-', "__"));
        let complete = |word: &str| {
            let script =
                r#"source "$1"; COMP_WORDS=("$2" "$3"); COMP_CWORD=1; "$4" "$2" "$3" "$2"; echo "${COMPREPLY[@]}""#;
            let output =
                Command::new("bash").args(["-c", script, "bash"]).arg(&file).args([program, word, &function]).output();
            let output = output.unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{program}: {}", err(&output));
            out(&output)
        };
        assert_eq!(complete("--web.li"), "--web.listen-address\n", "{program}");
        assert_eq!(complete("expl"), "explain\n", "{program}");
    }
}

#[test]
fn systemd_accepts_the_units_and_finds_them_closed() {
    let folder = tempfile::tempdir().unwrap();
    let analyze = |args: &[&str], file: &PathBuf| {
        let output = Command::new("systemd-analyze").args(args).arg(file).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {}{}", out(&output), err(&output));
    };
    for program in PROGRAMS {
        // The programs and their manual are not installed here.
        let text = unit(program).replace("/usr/bin", programs().to_str().unwrap());
        let text = text.lines().filter(|line| !line.starts_with("Documentation=")).collect::<Vec<_>>().join("\n");
        let file = folder.path().join(format!("{program}.service"));
        std::fs::write(&file, text + "\n").unwrap();
        analyze(&["verify", "--man=no"], &file);
        // Of 100, where 100 is without any limit.
        analyze(&["security", "--offline=true", "--threshold=20", "--no-pager"], &file);
    }
}

/// As `postgres`, the end of the unit would remove the shared memory of the server, and locks in /tmp would not be seen.
#[test]
fn the_unit_for_backups_leaves_pgbackrest_and_postgres_alone() {
    let unit = unit("pgbackrest-exporter");
    assert!(unit.contains("\nUser=postgres\n"));
    for setting in ["PrivateTmp=", "RemoveIPC=", "DynamicUser=", "PrivateUsers="] {
        assert!(!unit.lines().any(|line| line.starts_with(setting)), "{setting}");
    }
}

#[test]
fn settings_are_names_that_the_programs_know() {
    for program in PROGRAMS {
        let (help, unit) = (printed(program, &["--help"]), unit(program));
        let settings = std::fs::read_to_string(path(&format!("packaging/default/{program}"))).unwrap();
        // A setting is commented out, and a text begins with a blank.
        assert!(settings.lines().all(|line| line.is_empty() || line.starts_with('#')), "{settings}");
        let given = settings.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| !line.starts_with(' '));
        let names: Vec<&str> = given.filter_map(|line| line.split('=').next()).collect();
        assert!(names.len() > 1, "{program}: {names:?}");
        for name in names {
            let known = help.contains(&format!("[env: {name}")) || unit.contains(&format!(" ${name}\n"));
            assert!(known, "{program}: {name}");
        }
    }
}

#[test]
fn the_guide_says_where_everything_is() {
    let guide = std::fs::read_to_string(path("docs/guide/install.md")).unwrap();
    let contents = std::fs::read_to_string(path("packaging/contents")).unwrap();
    let lines: Vec<Vec<&str>> =
        contents.lines().filter(|line| !line.starts_with('#')).map(|line| line.split_whitespace().collect()).collect();
    assert!(lines.len() > 8, "{lines:?}");
    for line in lines {
        let [_, source, target, ..] = line[..] else { panic!("{line:?}") };
        if !source.starts_with('@') {
            for program in PROGRAMS {
                let source = path(&source.replace("@PROGRAM@", program));
                assert!(source.exists(), "{}", source.display());
            }
        }
        let (folder, _) =
            target.replace("@PACKAGE@", "PACKAGE").rsplit_once('/').map(|(a, b)| (a.to_owned(), b)).unwrap();
        assert!(guide.contains(&folder), "docs/guide/install.md does not name {folder}");
    }
}
