//! The task `explain`.

use support::DOWN;
use support::command_line::{out, run, shop};

#[test]
fn explain_lists_costs_and_skip_reasons() {
    let (server, _folder, _) = shop();
    let url = server.url("monitor", "postgres");
    for args in [&["explain"][..], &["-E"], &["--explain"]] {
        let output = run(args, &[("PG_EXPORTER_URL", &url)]);
        assert!(output.status.success(), "{output:?}");
        let text = out(&output);
        assert!(
            text.starts_with(&format!(
                "# server 127.0.0.1:{}, collectors of builtin:pg\n# primary, version 1",
                server.port()
            )),
            "{text}"
        );
        let line = |database: &str, collector: &str| {
            let (_, part) = text.split_once(&format!("\n## database {database}")).unwrap_or_else(|| panic!("{text}"));
            let part = part.split("\n## ").next().unwrap();
            let found = part.lines().find(|line| line.split_whitespace().next() == Some(collector));
            found
                .unwrap_or_else(|| panic!("{database} {collector}: {text}"))
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let numbers: Vec<String> = line("postgres", "pg_db").split(' ').map(str::to_owned).collect();
        assert_eq!((numbers.len(), &*numbers[1], &*numbers[6]), (7, "10", "ok"), "{numbers:?}");
        assert!(numbers[3].parse::<f64>().is_ok() && numbers[4].parse::<u32>().unwrap() >= 4, "{numbers:?}");
        assert_eq!(
            line("postgres", "pg_checkpointer_16"),
            "pg_checkpointer_16 not planned: requires versions before 17.0"
        );
        assert_eq!(
            line("shop", "pg_db"),
            "pg_db not planned: runs once per server, in the main database (tag cluster)"
        );
    }
    let output = run(&["explain"], &[DOWN]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(out(&output).contains("\n# down: 127.0.0.1:1: connection refused (is PostgreSQL running there? set --url or PG_EXPORTER_URL) (refused)"), "{output:?}");
}
