//! One look at a service: one connection, as a client makes it, and one query.

use std::time::Duration;

use engine::Reason;
use pgclient::{Connection, ConnectionSlot, LoginTimes};
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, SQL};
use super::failure::Failure;
use super::service::Service;

/// How long the server may take to end the session.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// No process of Linux has a larger id. PgBouncer makes random numbers up.
const LARGEST_PROCESS_ID: i32 = 1 << 22;

/// What a look at a service found.
#[derive(Debug)]
pub(super) struct Probed {
    pub times: LoginTimes,
    /// How long the query took, if it was answered.
    pub query: Option<Duration>,
    pub result: Result<Answer, Failure>,
    /// Whether there is a pooler on the way; `None` if the connection did not get that far.
    pub is_pooled: Option<bool>,
    /// Still open if there is an answer.
    pub connection: Option<Connection>,
}

impl Probed {
    fn failed(times: LoginTimes, failure: Failure, is_pooled: Option<bool>) -> Self {
        Self { times, query: None, result: Err(failure), is_pooled, connection: None }
    }
}

/// Connects in `slot` and asks, within the timeout of the service.
pub(super) async fn probe(service: &Service, slot: &ConnectionSlot) -> Probed {
    let deadline = Instant::now() + service.timeout;
    let connected = service.target.connect(slot, service.timeout).await;
    let times = slot.login_times();
    let connection = match connected {
        Ok(connection) => connection,
        Err(error) => {
            let failure = silenced(Failure::of_login(&times, &error), slot);
            return Probed::failed(times, failure, None);
        }
    };
    let process = connection.process();
    let is_made_up = process.is_none_or(|process| !(1..=LARGEST_PROCESS_ID).contains(&process));
    let began = Instant::now();
    let answered = timeout_at(deadline, connection.client().simple_query(&SQL)).await;
    let query = began.elapsed();
    let failure = match answered {
        // Dropped, since a server that does not answer does not end a session either.
        Err(_) => {
            let failure = silenced(Failure::of_silence(service.timeout), slot);
            return Probed::failed(times, failure, Some(is_made_up));
        }
        Ok(Err(error)) => Failure::of_query(&error),
        Ok(Ok(messages)) => match Answer::read(&messages) {
            None => Failure::of_shape("the answer is not that of PostgreSQL 10 or later"),
            Some(answer) => {
                let is_pooled = Some(is_made_up || process != Some(answer.process));
                let connection = Some(connection);
                return Probed { times, query: Some(query), result: Ok(answer), is_pooled, connection };
            }
        },
    };
    connection.close(CLOSE_TIMEOUT).await;
    Probed::failed(times, failure, Some(is_made_up))
}

/// The failure, with the address to blame if its host has gone in the middle of a connection.
fn silenced(failure: Failure, slot: &ConnectionSlot) -> Failure {
    if failure.reason == Reason::Timeout && slot.is_peer_silent() { failure.of_silent_peer() } else { failure }
}
