//! Errors of a conninfo.

/// Why a conninfo, with its service file and environment, is not valid.
///
/// Names parameters and positions but never quotes the conninfo: if it is malformed, any part of it may be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The text is not a valid URL or `key=value` string.
    #[error("conninfo, character {at}: {problem}")]
    Syntax {
        /// Position of the offending character, counted from 1.
        at: usize,
        /// What was expected there.
        problem: &'static str,
    },
    /// A parameter has an invalid value.
    #[error("{parameter}: {problem}")]
    Value {
        /// The parameter's name.
        parameter: String,
        /// What was expected.
        problem: String,
    },
    /// A libpq parameter that is not supported, so ignoring it would mislead.
    #[error("{parameter} is not supported: {instead}")]
    Unsupported {
        /// The parameter's name.
        parameter: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// The service is not in the service file, or the file cannot be read.
    #[error("service \"{service}\": {problem}")]
    Service {
        /// The service's name.
        service: String,
        /// Which files were read, and what is wrong.
        problem: String,
    },
    /// Neither the conninfo nor the environment has a user name.
    #[error("no user name, and the user id of this process has none (set user= or PGUSER)")]
    NoUser,
}

impl TargetError {
    /// For a variable or a file's parameter that is not UTF-8.
    pub(crate) fn not_utf8(parameter: &str) -> Self {
        let problem = "the value is not UTF-8: set it in that encoding (a password may be any bytes: in PGPASSWORD, \
                       in a password file, or percent-encoded in a URL)";
        Self::value(parameter, problem)
    }

    pub(crate) fn value(parameter: &str, problem: impl Into<String>) -> Self {
        Self::Value { parameter: parameter.to_owned(), problem: problem.into() }
    }
}
