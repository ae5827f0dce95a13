//! Parses a conninfo in the form of libpq's `key=value` string: `host=db1 dbname='my db' password='it\'s'`.

use std::iter::Peekable;
use std::str::Chars;

use super::given::Given;
use crate::error::TargetError;

/// Parses a `key=value` string. If a parameter is given twice, the last value counts.
pub(crate) fn parse(text: &str) -> Result<Given, TargetError> {
    let mut reader = Reader { rest: text.chars().peekable(), at: 1 };
    let mut given = Given::default();
    reader.skip_spaces();
    while reader.rest.peek().is_some() {
        let name = reader.name()?;
        reader.skip_spaces();
        let at = reader.at;
        let value = reader.value()?.into_bytes();
        given.insert(&name, value).map_err(|_| TargetError::Syntax { at, problem: "this is not UTF-8" })?;
        reader.skip_spaces();
    }
    Ok(given)
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    at: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.rest.next()
    }

    fn skip_spaces(&mut self) {
        while self.rest.next_if(|c| c.is_ascii_whitespace()).is_some() {
            self.at += 1;
        }
    }

    fn name(&mut self) -> Result<String, TargetError> {
        let start = self.at;
        let mut name = String::new();
        while let Some(c) = self.rest.next_if(|c| *c != '=' && !c.is_ascii_whitespace()) {
            self.at += 1;
            name.push(c);
        }
        self.skip_spaces();
        let assigned = self.rest.next_if_eq(&'=').is_some();
        self.at += 1;
        if !assigned || name.is_empty() {
            return Err(TargetError::Syntax {
                at: start,
                problem: "expected name=value (put a value with spaces in single quotes)",
            });
        }
        Ok(name)
    }

    fn value(&mut self) -> Result<String, TargetError> {
        let start = self.at;
        let quoted = self.rest.next_if_eq(&'\'').is_some();
        self.at += usize::from(quoted);
        let mut value = String::new();
        loop {
            match self.rest.peek() {
                None if quoted => {
                    return Err(TargetError::Syntax { at: start, problem: "this quoted value has no closing quote" });
                }
                None => return Ok(value),
                Some('\'') if quoted => {
                    self.next();
                    return Ok(value);
                }
                Some(c) if !quoted && c.is_ascii_whitespace() => return Ok(value),
                Some(_) => {}
            }
            match self.next() {
                Some('\\') => value.extend(self.next()),
                c => value.extend(c),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        parse(text).unwrap().pairs()
    }

    #[test]
    fn parses_quotes_escapes_and_spaces() {
        assert_eq!(
            parsed(r"  dbname = 'my db'  host=a\ b password='it\'s \\ x'  options='' "),
            ["dbname=my db", "host=a b", "options=", r"password=it's \ x"]
        );
        assert_eq!(parsed("port=5432\nport=5433"), ["port=5433"]);
        assert!(parsed("").is_empty());
    }

    #[test]
    fn errors_have_a_position_and_no_quotation() {
        for (text, at) in
            [("host=db1 password=my s3cret", 22), ("password='s3cret", 10), ("=s3cret", 1), ("host='a'  s3cret  ", 11)]
        {
            let error = parse(text).err().unwrap();
            assert!(matches!(error, TargetError::Syntax { at: found, .. } if found == at), "{text}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }
}
