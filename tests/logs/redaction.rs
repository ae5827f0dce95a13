//! Passwords stay on the server.

use std::path::Path;

use crate::vector::Pipeline;

#[test]
fn no_password_is_shipped() {
    for (written, shipped) in [
        ("create role a password 'secret'", "create role a password '***'"),
        (
            "ALTER ROLE a ENCRYPTED PASSWORD 'sec''ret' VALID UNTIL 'x'",
            "ALTER ROLE a ENCRYPTED PASSWORD '***' VALID UNTIL 'x'",
        ),
        (r"alter role a password E'sec\'ret'", "alter role a password E'***'"),
        ("alter role a password U&'secret'", "alter role a password U&'***'"),
        ("alter role a\n  password\n  'sec\nret'", "alter role a\n  password\n  '***'"),
        ("alter role a password $$secret$$ login", "alter role a password '***'"),
        ("alter role a password $x$sec$ret$x$", "alter role a password '***'"),
        ("alter role a password 'secret, cut", "alter role a password '***'"),
        ("alter role a password $$secret, cut", "alter role a password '***'"),
        ("options (user 'a', password 'secret')", "options (user 'a', password '***')"),
        ("connection 'host=h password=secret user=a'", "connection 'host=h password=*** user=a'"),
        ("connection 'host=h password=''se cret'' user=a'", "connection 'host=h password=*** user=a'"),
        ("connection 'host=h password=secret'", "connection 'host=h password=***'"),
        ("host=h password='se cret' user=a", "host=h password=*** user=a"),
        (r"host=h password = 'se\'cret' user=a", "host=h password = *** user=a"),
        ("host=h sslpassword=secret", "host=h sslpassword=***"),
        ("host=h password='secret, cut", "host=h password=***"),
        ("host=h password=s$e;c,ret) user=a", "host=h password=*** user=a"),
        ("postgresql://a:secret@h/d", "postgresql://a:***@h/d"),
        ("'postgres://a:sec%40ret@h:1,i:2/d?x=y'", "'postgres://a:***@h:1,i:2/d?x=y'"),
        ("postgres://h/d?user=a&password=secret", "postgres://h/d?user=a&password=***"),
        // Nothing to hide.
        ("password authentication failed for user \"a\"", "password authentication failed for user \"a\""),
        ("http://h:80/a@b", "http://h:80/a@b"),
        ("select 'password' as x, 'y'", "select 'password' as x, 'y'"),
    ] {
        let line = serde_json::json!({ "error_severity": "LOG", "message": written, "statement": written });
        let events = Pipeline::of("postgres_json").read(Path::new("a.json"), line.to_string().as_bytes());
        for field in ["message", "query"] {
            assert_eq!(events[0][field], shipped, "{field} of {written}");
        }
    }
}

/// Even in a line that cannot be read.
#[test]
fn a_line_that_breaks_off_has_no_password() {
    for source in ["postgres_json", "postgres_csv", "patroni", "pgbouncer", "pgbackrest"] {
        let pipeline = Pipeline::of(source);
        for between in [" ", r"\n", r"\t  "] {
            let line = format!(r#"{{"error_severity":"LOG","message":"alter role a password{between}'sec"#);
            let events = pipeline.read(Path::new("a.json"), line.as_bytes());
            assert!(!events[0].to_string().contains("sec"), "{source}: {}", events[0]);
        }
    }
}
