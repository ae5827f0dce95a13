//! Names the hop at which a service fails. Pure.

use engine::Reason;
use pgclient::LoginStep;

use super::answer::Answer;
use super::failure::Failure;
use super::hop::Hop;
use super::service::{PromisedRole, Service};

/// A hop that fails, and a sentence for a person.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub hop: Hop,
    pub message: String,
}

impl Problem {
    pub(super) fn new(hop: Hop, message: impl Into<String>) -> Self {
        Self { hop, message: message.into() }
    }
}

/// The hop at which there was no answer. `is_pooled`: there is a pooler on the way, as far as is known.
pub(super) fn judge_failure(failure: &Failure, is_pooled: bool) -> Problem {
    let message = failure.message.as_str();
    match failure.step {
        _ if failure.reason == Reason::BackendsNotEnded => {
            Problem::new(if is_pooled { Hop::Pooler } else { Hop::Server }, message)
        }
        Some(LoginStep::Resolve) if failure.reason == Reason::Timeout => {
            Problem::new(Hop::Dns, "the host name was not resolved in time: does a name server answer?")
        }
        Some(LoginStep::Resolve) => Problem::new(Hop::Dns, message),
        Some(LoginStep::Connect) => judge_connect(failure),
        Some(LoginStep::Tls) => Problem::new(Hop::Tls, message),
        Some(LoginStep::Login) => judge_login(failure, is_pooled),
        None => judge_query(failure, is_pooled),
    }
}

fn judge_connect(failure: &Failure) -> Problem {
    match failure.reason {
        Reason::Timeout | Reason::Unreachable => Problem::new(
            Hop::Address,
            format!("{}: no host has the address, or a firewall drops packets", failure.message),
        ),
        Reason::Refused => {
            Problem::new(Hop::Listener, format!("{}: the host answers, nothing listens at the port", failure.message))
        }
        _ => Problem::new(Hop::Address, &*failure.message),
    }
}

fn judge_login(failure: &Failure, is_pooled: bool) -> Problem {
    let message = failure.message.as_str();
    if failure.closed {
        return Problem::new(
            Hop::Balancer,
            "accepted the connection and closed it without an answer: no healthy server",
        );
    }
    if failure.message.contains("target_session_attrs") {
        return Problem::new(Hop::Role, message);
    }
    match failure.reason {
        Reason::Timeout if is_pooled => {
            Problem::new(Hop::Pooler, "accepted the connection and did not answer: is the pooler frozen or overloaded?")
        }
        Reason::Timeout => Problem::new(
            Hop::Login,
            "accepted the connection and did not answer: is the server, or a pooler before it, frozen?",
        ),
        _ if failure.of_pooler && is_of_pool(message) => Problem::new(Hop::Pooler, message),
        Reason::Auth | Reason::NoDatabase | Reason::Permission | Reason::UnknownSetting | Reason::Console => {
            Problem::new(Hop::Login, message)
        }
        _ if failure.of_pooler => Problem::new(Hop::Pooler, message),
        _ if failure.sqlstate.is_some() => Problem::new(Hop::Server, message),
        _ => Problem::new(Hop::Login, format!("the answer is not that of PostgreSQL: {message}")),
    }
}

/// Whether a pooler speaks of its pool, and not of its client. An error of its own login to the server is about passwords,
/// too.
fn is_of_pool(message: &str) -> bool {
    ["server", "pool", "paused", "query_wait_timeout", "connect_query"].iter().any(|word| message.contains(word))
}

fn judge_query(failure: &Failure, is_pooled: bool) -> Problem {
    let message = failure.message.as_str();
    match failure.sqlstate.as_deref() {
        _ if failure.of_pooler => Problem::new(Hop::Pooler, message),
        Some(code) if code.starts_with("57P") || code.starts_with("53") || code.starts_with("40") => {
            Problem::new(Hop::Server, message)
        }
        None if failure.reason == Reason::Timeout && is_pooled => Problem::new(
            Hop::Pooler,
            format!("login accepted, then {message}: is the pool paused or full, or the server behind it frozen?"),
        ),
        None if failure.closed && is_pooled => {
            Problem::new(Hop::Pooler, "login accepted, then the connection was closed without an answer")
        }
        None if failure.closed => {
            Problem::new(Hop::Server, "login accepted, then the connection was closed without an answer")
        }
        _ => Problem::new(Hop::Query, message),
    }
}

/// What is wrong with an answer. `own_cluster` is the system identifier that is expected, if it is known.
pub(super) fn judge_answer(
    service: &Service,
    answer: &Answer,
    own_cluster: Option<&str>,
    is_split: bool,
) -> Option<Problem> {
    if let Some(expected) = own_cluster.filter(|expected| *expected != answer.system_identifier) {
        let (found, whom) = (&answer.system_identifier, answer.whom());
        return Some(Problem::new(
            Hop::Cluster,
            format!("another cluster answers, system identifier {found} instead of {expected}: a {whom}"),
        ));
    }
    if !service.role.accepts(answer.in_recovery) {
        let (promised, whom) = (service.role.word(), answer.whom());
        return Some(Problem::new(
            Hop::Role,
            format!("expected a {promised}, found a {whom}: is the load balancer's health check right and up to date?"),
        ));
    }
    if is_split && service.role == PromisedRole::Primary {
        let whom = answer.whom();
        return Some(Problem::new(
            Hop::Split,
            format!("two primaries answer in turn, now the {whom}: two hosts have the address, or both are in use"),
        ));
    }
    let (lag, most) = (answer.lag_seconds?, service.max_lag?);
    (lag > most.as_secs_f64()).then(|| {
        Problem::new(Hop::Lag, format!("{lag:.1} s behind the primary, promised are {} s", most.as_secs_f64()))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pgclient::{Environment, Target};

    use super::*;

    fn failure(step: Option<LoginStep>, reason: Reason, message: &str) -> Failure {
        Failure { step, reason, closed: false, of_pooler: false, sqlstate: None, message: message.to_owned() }
    }

    fn said(step: Option<LoginStep>, reason: Reason, sqlstate: &str, of_pooler: bool, message: &str) -> Failure {
        Failure { sqlstate: Some(sqlstate.to_owned()), of_pooler, ..failure(step, reason, message) }
    }

    #[test]
    fn each_failure_has_its_hop() {
        use LoginStep::{Connect, Login, Resolve, Tls};
        let closed = |step| Failure { closed: true, ..failure(step, Reason::Other, "closed") };
        let cases = [
            (failure(Some(Resolve), Reason::Dns, "cannot resolve"), false, Hop::Dns),
            (failure(Some(Resolve), Reason::Timeout, ""), false, Hop::Dns),
            (failure(Some(Connect), Reason::Timeout, ""), false, Hop::Address),
            (failure(Some(Connect), Reason::Unreachable, ""), false, Hop::Address),
            (failure(Some(Connect), Reason::Refused, ""), false, Hop::Listener),
            (closed(Some(Login)), false, Hop::Balancer),
            (closed(Some(Login)), true, Hop::Balancer),
            (failure(Some(Tls), Reason::Tls, "expired"), false, Hop::Tls),
            (failure(Some(Login), Reason::Timeout, ""), true, Hop::Pooler),
            (failure(Some(Login), Reason::Timeout, ""), false, Hop::Login),
            (said(Some(Login), Reason::Auth, "28P01", false, "password authentication failed"), false, Hop::Login),
            (said(Some(Login), Reason::Auth, "08P01", true, "password authentication failed"), true, Hop::Login),
            (
                said(
                    Some(Login),
                    Reason::Auth,
                    "08P01",
                    true,
                    "server login has been failing, cached error: authentication failed (server_login_retry)",
                ),
                true,
                Hop::Pooler,
            ),
            (
                said(Some(Login), Reason::TooManyConnections, "08P01", true, "no more connections allowed"),
                true,
                Hop::Pooler,
            ),
            (said(Some(Login), Reason::Starting, "57P03", false, "starting up"), false, Hop::Server),
            (said(Some(Login), Reason::TooManyConnections, "53300", false, "too many clients"), false, Hop::Server),
            (said(None, Reason::Sql, "08P01", true, "query_wait_timeout"), true, Hop::Pooler),
            (said(None, Reason::Sql, "57P01", false, "terminating connection"), true, Hop::Server),
            (said(None, Reason::Sql, "42501", false, "permission denied"), false, Hop::Query),
            (Failure::of_silence(Duration::from_secs(5)), true, Hop::Pooler),
            (Failure::of_silence(Duration::from_secs(5)), false, Hop::Query),
            (Failure::of_silence(Duration::from_secs(5)).of_silent_peer(), true, Hop::Address),
            (failure(Some(Login), Reason::Timeout, "").of_silent_peer(), true, Hop::Address),
            (closed(None), false, Hop::Server),
            (closed(None), true, Hop::Pooler),
            (failure(Some(Connect), Reason::BackendsNotEnded, "not ended"), true, Hop::Pooler),
            (failure(Some(Connect), Reason::BackendsNotEnded, "not ended"), false, Hop::Server),
            (Failure::of_shape(""), false, Hop::Query),
            (
                failure(Some(Login), Reason::Other, "the server is a standby, which target_session_attrs excludes"),
                false,
                Hop::Role,
            ),
        ];
        for (failure, is_pooled, hop) in cases {
            assert_eq!(judge_failure(&failure, is_pooled).hop, hop, "{failure:?}");
        }
    }

    fn service(role: PromisedRole) -> Service {
        let env = Environment::from_variables([("HOME", "/nonexistent"), ("USER", "me")]);
        Service {
            name: "s".into(),
            target: Target::parse("host=x", &env).unwrap(),
            role,
            system_identifier: None,
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(5),
            max_lag: Some(Duration::from_secs(10)),
            canary: None,
            fingerprint: 0,
        }
    }

    #[test]
    fn each_answer_is_held_against_the_promise() {
        use PromisedRole::{Any, Primary, Standby};
        let answer = |in_recovery, lag_seconds| Answer {
            in_recovery,
            system_identifier: "1".into(),
            member: Some("10.0.0.1:5432".into()),
            started: 0.0,
            process: 7,
            lag_seconds,
        };
        let hop = |role, answer: Answer, own, split| {
            judge_answer(&service(role), &answer, own, split).map(|problem| problem.hop)
        };
        assert_eq!(hop(Primary, answer(false, None), Some("1"), false), None);
        assert_eq!(hop(Primary, answer(false, None), None, false), None);
        assert_eq!(hop(Primary, answer(false, None), Some("2"), false), Some(Hop::Cluster));
        assert_eq!(hop(Primary, answer(true, None), Some("1"), false), Some(Hop::Role));
        assert_eq!(hop(Standby, answer(false, None), Some("1"), false), Some(Hop::Role));
        assert_eq!(hop(Primary, answer(false, None), Some("1"), true), Some(Hop::Split));
        assert_eq!(hop(Any, answer(false, None), Some("1"), true), None);
        assert_eq!(hop(Standby, answer(true, Some(10.5)), Some("1"), false), Some(Hop::Lag));
        assert_eq!(hop(Standby, answer(true, Some(9.5)), Some("1"), false), None);
        assert_eq!(hop(Standby, answer(true, None), Some("1"), false), None);
    }
}
