//! What a client writes into a path, a query or a header gets nowhere.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lab::{Major, Postgres};
use support::certificates::written;
use support::{exporter, scrape};

use super::COLLECTORS;

/// A word that occurs nowhere else, in markup, with what forges lines and commands a terminal.
const HOSTILE: [&str; 6] = [
    "%3Cscript%3Exk9mark%3C/script%3E",
    "<script>xk9mark</script>",
    "xk9mark%0Alevel=error%0D%0Amsg=forged",
    "xk9mark\u{1b}[2J\u{202e}",
    "%1B%5B2Jxk9mark%E2%80%AE",
    "';select+pg_sleep(1)--xk9mark",
];

/// The answer to a request that is sent as it is.
fn answer(exporter: &lab::Exporter, request: &str) -> String {
    let mut stream = TcpStream::connect(exporter.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn request_texts_reach_no_page_no_log_and_no_statement() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "alter system set log_statement = 'all'").unwrap();
    server.psql("postgres", "select pg_reload_conf()").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = written(folder.path(), "c.yml", COLLECTORS);
    // Of a cost at which a check is quick; the password is never right.
    let users = format!("basic_auth_users: {{ a: '{}' }}\n", bcrypt::hash("b", 4).unwrap());
    let web = written(folder.path(), "web.yml", &users);
    let config = ["--config", config.to_str().unwrap(), "--log.level=debug"];
    let open = exporter(&server, "postgres", &config);
    let closed = exporter(&server, "postgres", &[&config[..], &["--web.config.file", web.to_str().unwrap()]].concat());
    scrape(&open);
    for text in HOSTILE {
        let target = ["/", "/metrics", "/explain", "/stat", "/up", "/replica", "/reload", "/nothing"];
        let targets = target.iter().flat_map(|path| {
            let query = format!("{path}?max_lag={text}&collect[]={text}&target={text}&{text}");
            [query, format!("{path}/{text}"), (*path).to_owned()]
        });
        for (target, exporter) in targets.flat_map(|target| [(target.clone(), &open), (target, &closed)]) {
            for method in ["GET", "POST"] {
                let request = format!(
                    "{method} {target} HTTP/1.1\r\nHost: {text}\r\nConnection: close\r\nUser-Agent: {text}\r\n\
                     X-Forwarded-For: {text}\r\nReferer: {text}\r\nOrigin: {text}\r\nAccept: {text}\r\n\
                     X-Prometheus-Scrape-Timeout-Seconds: {text}\r\nAuthorization: Basic {text}\r\n\r\n"
                );
                let answer = answer(exporter, &request);
                assert!(answer.starts_with("HTTP/1.1 "), "{request}: {answer}");
                assert!(!answer.contains("xk9mark"), "{request}: {answer}");
            }
        }
    }
    scrape(&open);
    for log in [open.log(), closed.log(), std::fs::read_to_string(server.log_file()).unwrap()] {
        assert!(log.lines().count() > 1 && !log.contains("xk9mark") && !log.contains("forged"), "{log}");
    }
}
