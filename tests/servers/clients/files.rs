//! Paths that lead to something else than a file.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use lab::{Exporter, MONITOR_PASSWORD, Major, Postgres};
use nix::sys::stat::Mode;
use support::{binary, scrape, until};

/// Arguments and environment of a start.
type Start<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>);

const COLLECTOR: &str = "a: { query: SELECT 1 AS n, metrics: [ n: { usage: GAUGE } ] }\n";

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
}

/// Waits for the end, which must come.
fn ended(mut child: Child, what: &str) -> Output {
    until(what, || child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap()
}

fn spawn(args: &[&str], env: &[(&str, &str)]) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(binary()).args(args);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/nonexistent").envs(env.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn refuses_pipes_devices_and_folders_in_place_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fifo(&at("fifo.yml"));
    fs::create_dir(at("folder.yml")).unwrap();
    fs::File::create(at("huge.yml")).unwrap().set_len(1 << 40).unwrap();
    fs::write(at("good.yml"), COLLECTOR).unwrap();
    let paths: Vec<(PathBuf, &str)> = vec![
        (at("fifo.yml"), "it is a pipe, and its writer wrote nothing within 5 s"),
        (at("folder.yml"), "it is a folder: expected a file"),
        (at("huge.yml"), "it is larger than 16 MiB"),
        ("/dev/zero".into(), "it is a device: expected a file"),
    ];
    let good = at("good.yml").display().to_string();
    thread::scope(|scope| {
        for (path, problem) in &paths {
            let path = path.to_str().unwrap();
            let good = &good;
            let is_folder = problem.contains("folder");
            let starts: Vec<Start<'_>> = vec![
                (vec!["--config", path], vec![]),
                (vec!["check", path], vec![]),
                (
                    vec!["--config", good, "--web.config.file", path, "--web.listen-address=127.0.0.1:0"],
                    vec![support::DOWN],
                ),
                (vec!["--config", good], vec![("PG_EXPORTER_URL_FILE", path)]),
                (vec!["--config", good], vec![("PGSERVICE", "x"), ("PGSERVICEFILE", path)]),
            ];
            for (args, env) in starts {
                // A folder is a good --config.
                if is_folder && (args[0] == "check" || args.len() == 2 && env.is_empty()) {
                    continue;
                }
                scope.spawn(move || {
                    let output = ended(spawn(&args, &env), path);
                    let error = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert_eq!(output.status.code(), Some(1), "{args:?} {env:?}: {error}");
                    assert!(error.contains(problem) && error.contains(path), "{args:?} {env:?}: {error}");
                });
            }
        }
    });
    // In a folder of collectors there is no use for a pipe, and nobody waits for one.
    let output = ended(spawn(&["check", folder.path().to_str().unwrap()], &[]), "a folder with a pipe");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    for problem in ["it is a pipe, which cannot be read again", "it is a folder", "it is larger than"] {
        assert!(error.contains(problem), "{problem}: {error}");
    }
}

#[test]
fn password_files_and_certificates_that_are_no_files_cost_no_time() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    fifo(&pipe);
    let pipe = pipe.to_str().unwrap();
    let url = format!("postgres://monitor@127.0.0.1:{}/postgres", server.port());
    for (file, mode, reason) in
        [("passfile", "disable", "auth"), ("sslcert", "require", "tls"), ("sslrootcert", "require", "tls")]
    {
        let target = format!("{url}?sslmode={mode}&{file}={pipe}");
        let exporter = Exporter::start(binary(), &[], &[("PG_EXPORTER_URL", &target)]).unwrap();
        let page = scrape(&exporter);
        assert_eq!(page.reason(), Some(reason), "{file}: {}", exporter.log());
        assert!(exporter.log().contains("it is a pipe, which cannot be read again"), "{file}: {}", exporter.log());
    }
}

#[test]
fn process_substitution_null_device_and_links_work() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // <(command) and /dev/stdin.
    let bash = format!(
        "'{}' check <(printf '%s' \"$TEXT\") && printf '%s' \"$TEXT\" | '{0}' check /dev/stdin",
        binary().display()
    );
    let output = Command::new("bash").args(["-c", &bash]).env("TEXT", COLLECTOR).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).matches("1 collectors, 1 metrics, no errors").count(), 2);

    // A web configuration and a service file out of a secret store.
    fifo(&at("web"));
    fifo(&at("service"));
    let web = format!("basic_auth_users: {{ a: '{}' }}\n", bcrypt::hash("b", 4).unwrap());
    let (host, port) = ("127.0.0.1", server.port());
    let service =
        format!("[s]\nhost={host}\nport={port}\nuser=monitor\npassword={MONITOR_PASSWORD}\ndbname=postgres\n");
    for (name, text) in [("web", web), ("service", service)] {
        let path = at(name);
        thread::spawn(move || fs::OpenOptions::new().write(true).open(path).unwrap().write_all(text.as_bytes()));
    }
    // As Kubernetes mounts a ConfigMap.
    fs::create_dir(at("..2026_11_28")).unwrap();
    fs::write(at("..2026_11_28").join("c.yml"), COLLECTOR).unwrap();
    symlink("..2026_11_28", at("..data")).unwrap();
    fs::create_dir(at("mounted")).unwrap();
    symlink("../..data/c.yml", at("mounted").join("c.yml")).unwrap();
    let (mounted, web, service) = (at("mounted"), at("web"), at("service"));
    let args = ["--config", mounted.to_str().unwrap(), "--web.config.file", web.to_str().unwrap()];
    let env = [("PGSERVICE", "s"), ("PGSERVICEFILE", service.to_str().unwrap()), ("PGPASSFILE", "/dev/null")];
    let exporter = Exporter::start(binary(), &args, &env).unwrap();
    assert_eq!(exporter.get("/metrics").unwrap().status, 401);
    let page = exporter.get_with("/metrics", &[("Authorization", "Basic YTpi")]).unwrap().text();
    assert!(page.contains("\npg_up 1\n") && page.contains("\na_n"), "{page}");
    // The pipe has ended; what it said stays in effect.
    assert_eq!(exporter.get("/metrics").unwrap().status, 401);
    assert!(!exporter.log().contains("refused"), "{}", exporter.log());

    // A ConfigMap changes by a link that is replaced.
    fs::create_dir(at("..2026_11_29")).unwrap();
    fs::write(at("..2026_11_29").join("c.yml"), COLLECTOR.replace("AS n", "AS m").replace("n:", "m:")).unwrap();
    symlink("..2026_11_29", at("new")).unwrap();
    fs::rename(at("new"), at("..data")).unwrap();
    exporter.signal("HUP").unwrap();
    until("the new collectors", || {
        exporter.get_with("/metrics", &[("Authorization", "Basic YTpi")]).unwrap().text().contains("\na_m")
    });

    let passfile = at("pgpass");
    fs::write(&passfile, format!("*:*:*:*:{MONITOR_PASSWORD}\n")).unwrap();
    fs::set_permissions(&passfile, PermissionsExt::from_mode(0o600)).unwrap();
    symlink(&passfile, at("link")).unwrap();
    let url = server.url("monitor", "postgres").replace(&format!(":{MONITOR_PASSWORD}"), "");
    let link = at("link");
    let env = [("PG_EXPORTER_URL", url.as_str()), ("PGPASSFILE", link.to_str().unwrap())];
    assert!(scrape(&Exporter::start(binary(), &[], &env).unwrap()).is_up());
}
