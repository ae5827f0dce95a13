//! The password file, `~/.pgpass`: lines of `host:port:database:user:password`.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The connection that a password is looked up for.
pub(crate) struct PasswordLookup<'a> {
    /// Names of the host; any of them may match.
    pub hosts: &'a [String],
    pub port: u16,
    pub database: &'a str,
    pub user: &'a str,
}

/// The password of the first matching line, if the file is usable.
pub(crate) fn find(file: &Path, wanted: &PasswordLookup<'_>) -> Option<Vec<u8>> {
    first_match(&read(file).ok()?, wanted)
}

/// Why the file is ignored; `None` if it is used or missing.
pub(crate) fn problem(file: &Path) -> Option<String> {
    read(file).err().map(|problem| format!("password file {} ignored: {problem}", file.display()))
}

/// The content of the file, which may be any bytes as in libpq; a missing file counts as empty.
fn read(file: &Path) -> Result<Vec<u8>, String> {
    let (opened, metadata) = match files::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let mode = metadata.permissions().mode() & 0o777;
    // /dev/null is world-readable and the usual way to say that there is no password file.
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(format!("it has group or world access (mode 0{mode:o}, expected 0600 or less)"));
    }
    files::bounded(opened, &metadata).map_err(|error| error.to_string())
}

pub(crate) fn first_match(content: &[u8], wanted: &PasswordLookup<'_>) -> Option<Vec<u8>> {
    let lines = content.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.into_iter().find_map(|line| password(line, wanted))
}

fn password(line: &[u8], wanted: &PasswordLookup<'_>) -> Option<Vec<u8>> {
    if line.starts_with(b"#") {
        return None;
    }
    let mut fields = fields(line);
    let (host, port, database, user) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let is = |field: &[u8], value: &str| field == b"*" || field == value.as_bytes();
    let matches = wanted.hosts.iter().any(|name| is(&host, name))
        && is(&port, &wanted.port.to_string())
        && is(&database, wanted.database)
        && is(&user, wanted.user);
    fields.next().filter(|password| matches && !password.is_empty())
}

/// The fields of a line, with `\:` and `\\` unescaped.
fn fields(line: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut rest = line.iter().copied();
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let mut field = Vec::new();
        loop {
            match rest.next() {
                Some(b'\\') => field.extend(rest.next()),
                Some(b':') => return Some(field),
                Some(byte) => field.push(byte),
                None => {
                    ended = true;
                    return Some(field);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
        let hosts = [host.to_owned()];
        let wanted = PasswordLookup { hosts: &hosts, port, database, user };
        first_match(text.as_bytes(), &wanted).map(|password| String::from_utf8(password).unwrap())
    }

    #[test]
    fn uses_first_match() {
        let text = "# comment\ndb1:5432:app:mon:exact\ndb1:*:*:mon:any\n*:*:*:*:rest\n";
        assert_eq!(look_up(text, "db1", 5432, "app", "mon").unwrap(), "exact");
        assert_eq!(look_up(text, "db1", 5433, "x", "mon").unwrap(), "any");
        assert_eq!(look_up(text, "db2", 5433, "x", "u").unwrap(), "rest");
        assert_eq!(look_up("db1:5432:app:mon:exact", "db2", 5432, "app", "mon"), None);
    }

    #[test]
    fn unescapes_fields() {
        assert_eq!(look_up(r"\:\:1:5432:a\:b:u\\v:p\:w\\d", "::1", 5432, "a:b", r"u\v").unwrap(), r"p:w\d");
    }

    #[test]
    fn ignores_short_line_and_empty_password() {
        assert_eq!(look_up("db1:5432:app:mon", "db1", 5432, "app", "mon"), None);
        assert_eq!(look_up("db1:5432:app:mon:", "db1", 5432, "app", "mon"), None);
    }

    #[test]
    fn compares_and_returns_bytes() {
        let hosts = ["db1".to_owned()];
        let wanted = |user| PasswordLookup { hosts: &hosts, port: 5432, database: "d", user };
        let content = b"# \xe9\n*:*:*:caf\xe9:latin\n*:*:*:caf\xc3\xa9:p\xffw\r\n*:*:*:*:rest";
        assert_eq!(first_match(content, &wanted("caf\u{e9}")).unwrap(), b"p\xffw");
        assert_eq!(first_match(content, &wanted("mon")).unwrap(), b"rest");
    }

    #[test]
    fn ignores_file_with_group_or_world_access() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "*:*:*:*:s3cret\n").unwrap();
        let hosts = ["db1".to_owned()];
        let wanted = PasswordLookup { hosts: &hosts, port: 5432, database: "d", user: "u" };
        let set_mode = |mode| std::fs::set_permissions(file.path(), PermissionsExt::from_mode(mode)).unwrap();
        set_mode(0o600);
        assert_eq!(find(file.path(), &wanted).unwrap(), b"s3cret");
        assert_eq!(problem(file.path()), None);
        set_mode(0o640);
        assert_eq!(find(file.path(), &wanted), None);
        let problem_of_mode = problem(file.path()).unwrap();
        assert!(problem_of_mode.ends_with("ignored: it has group or world access (mode 0640, expected 0600 or less)"));
        assert!(problem(Path::new("/")).unwrap().ends_with("ignored: it is a folder: expected a file"));
        for none in ["/nonexistent/pgpass", "/dev/null"].map(Path::new) {
            assert_eq!((find(none, &wanted), problem(none)), (None, None));
        }
    }
}
