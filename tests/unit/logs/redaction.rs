//! Passwords stay on the server.

use std::path::Path;

use support::vector::Pipeline;

#[test]
fn passwords_are_redacted() {
    let cases: Vec<(String, String)> = serde_json::from_str(include_str!("../../redaction.json")).unwrap();
    for (written, shipped) in cases {
        let line = serde_json::json!({ "error_severity": "LOG", "message": written, "statement": written });
        let events = Pipeline::of("postgres_json").read(Path::new("a.json"), line.to_string().as_bytes());
        for field in ["message", "query"] {
            assert_eq!(events[0][field], shipped, "{field} of {written}");
        }
    }
}

/// Even in a line that cannot be read.
#[test]
fn passwords_are_redacted_in_truncated_lines() {
    for source in ["postgres_json", "postgres_csv", "patroni", "pgbouncer", "pgbackrest"] {
        let pipeline = Pipeline::of(source);
        for between in [" ", r"\n", r"\t  "] {
            let line = format!(r#"{{"error_severity":"LOG","message":"alter role a password{between}'sec"#);
            let events = pipeline.read(Path::new("a.json"), line.as_bytes());
            assert!(!events[0].to_string().contains("sec"), "{source}: {}", events[0]);
        }
    }
}
