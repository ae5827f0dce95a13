//! The target by the variables of postgres_exporter: `DATA_SOURCE_NAME`, or `DATA_SOURCE_URI` with `DATA_SOURCE_USER` and
//! `DATA_SOURCE_PASS`. Each of the last three may be in a file that `…_FILE` names.

use std::error::Error;
use std::path::Path;

use pgclient::Environment;

type Failure = Box<dyn Error + Send + Sync>;

/// Variables of postgres_exporter that are not read, and what to do instead.
const NOT_READ: [(&str, &str); 9] = [
    ("PG_EXPORTER_EXTEND_QUERY_PATH", "run pg-exporter import, and set PG_EXPORTER_CONFIG"),
    ("PG_EXPORTER_DISABLE_DEFAULT_METRICS", "set PG_EXPORTER_CONFIG to the collectors to run"),
    ("PG_EXPORTER_DISABLE_SETTINGS_METRICS", "set PG_EXPORTER_CONFIG to the collectors to run"),
    ("PG_EXPORTER_AUTO_DISCOVER_DATABASES", "databases are discovered; see PG_EXPORTER_AUTO_DISCOVERY"),
    ("PG_EXPORTER_EXCLUDE_DATABASES", "set PG_EXPORTER_EXCLUDE_DATABASE"),
    ("PG_EXPORTER_INCLUDE_DATABASES", "set PG_EXPORTER_INCLUDE_DATABASE"),
    ("PG_EXPORTER_CONSTANT_LABELS", "set PG_EXPORTER_LABEL"),
    ("PG_EXPORTER_METRIC_PREFIX", "names begin with the key of their collector"),
    ("PG_EXPORTER_WEB_TELEMETRY_PATH", "set PG_EXPORTER_TELEMETRY_PATH"),
];

/// What to say of variables that are set and not read.
pub(crate) fn not_read(environment: &Environment) -> impl Iterator<Item = String> {
    let found = NOT_READ.iter().filter(|(name, _)| environment.value(name).is_some());
    found.map(|(name, instead)| format!("{name} is not read, since it is postgres_exporter's: {instead}"))
}

/// The variable that is set, and the conninfo; `None` if none is.
///
/// # Errors
/// If a file cannot be read, a value is not UTF-8, or a part of the target is missing.
pub(crate) fn data_source(environment: &Environment) -> Result<Option<(&'static str, String)>, Failure> {
    const NAME: &str = "DATA_SOURCE_NAME";
    const URI: &str = "DATA_SOURCE_URI";
    if let Some(name) = environment.variable(NAME)? {
        return Ok(Some((NAME, name.to_owned())));
    }
    let user = value_or_file(environment, "DATA_SOURCE_USER")?;
    let password = value_or_file(environment, "DATA_SOURCE_PASS")?;
    let Some(uri) = value_or_file(environment, URI)? else {
        return match user.is_some() || password.is_some() {
            true => {
                let message = format!("{URI} is not set, but DATA_SOURCE_USER or DATA_SOURCE_PASS is: set all of them");
                Err(format!("{message}, or PG_EXPORTER_URL").into())
            }
            false => Ok(None),
        };
    };
    let address = uri.split_once("://").map_or(&*uri, |(_, address)| address);
    let login = match (user, password) {
        (Some(user), Some(password)) => format!("{}:{}@", encoded(&user), encoded(&password)),
        (Some(user), None) => format!("{}@", encoded(&user)),
        _ => String::new(),
    };
    Ok(Some((URI, format!("postgresql://{login}{address}"))))
}

/// The value of a variable, or the text of the file that `name_FILE` names; that wins.
fn value_or_file(environment: &Environment, name: &str) -> Result<Option<String>, Failure> {
    let variable = format!("{name}_FILE");
    let Some(path) = environment.value(&variable).map(Path::new) else {
        return Ok(environment.variable(name)?.map(str::to_owned));
    };
    match files::read_text_or_pipe(path) {
        Ok(text) if text.trim().is_empty() => Err(format!("{variable}: {} is empty", path.display()).into()),
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) => Err(format!("{variable}: cannot read {}: {error}", path.display()).into()),
    }
}

/// The text as a part of a URL.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let found = data_source(&Environment::from_variables(variables.iter().copied()));
        found.map(|found| found.map(|(_, conninfo)| conninfo)).map_err(|error| error.to_string())
    }

    #[test]
    fn names_variables_that_are_not_read() {
        let variables = [("PG_EXPORTER_EXCLUDE_DATABASES", "a"), ("PG_EXPORTER_CONSTANT_LABELS", ""), ("HOME", "/")];
        let found: Vec<String> = not_read(&Environment::from_variables(variables)).collect();
        let expected = "PG_EXPORTER_EXCLUDE_DATABASES is not read, since it is postgres_exporter's: set PG_EXPORTER_EXCLUDE_DATABASE";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn takes_the_name_or_the_parts() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("DATA_SOURCE_NAME", "host=a"), ("DATA_SOURCE_URI", "b")]), Ok(Some("host=a".into())));
        let parts = [("DATA_SOURCE_URI", "b:5433/app?sslmode=disable"), ("DATA_SOURCE_USER", "me")];
        assert_eq!(of(&parts), Ok(Some("postgresql://me@b:5433/app?sslmode=disable".into())));
        let password = [parts[0], parts[1], ("DATA_SOURCE_PASS", "a@b/%")];
        assert_eq!(of(&password), Ok(Some("postgresql://me:a%40b%2F%25@b:5433/app?sslmode=disable".into())));
        assert!(of(&parts[1..]).unwrap_err().contains("DATA_SOURCE_URI is not set"));
        let missing = of(&[parts[0], ("DATA_SOURCE_PASS_FILE", "/nonexistent/password")]).unwrap_err();
        assert!(missing.starts_with("DATA_SOURCE_PASS_FILE: cannot read /nonexistent/password"), "{missing}");
    }
}
