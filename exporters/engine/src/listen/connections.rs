//! The open HTTP connections: a limited number, each for a limited time without a request.
//!
//! Anyone who can reach the port can open connections and leave them idle. At the limit, a new connection replaces the one
//! that has been idle for longest; if there is none, the one whose client has been reading a response for longest; and last
//! one whose request takes longer than a scrape.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use http_body::{Frame, SizeHint};
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::status::ProcessStatus;

/// For a TLS handshake and the head of a connection's first request.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// From one request to the head of the next. Scrapes are seconds to minutes apart.
const IDLE_TIMEOUT: Duration = Duration::from_secs(120);
/// For a client to take a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// A request that takes longer may lose its connection to a new one when the limit is reached.
const LONGEST_WORK: Duration = Duration::from_secs(30);
/// Most responses that wait for slow clients, since each may hold a page in memory.
const MOST_RESPONSES: usize = 64;
/// Between two searches for a connection to close, when all are busy.
const PAUSE: Duration = Duration::from_secs(1);

/// All open connections.
pub(super) struct Connections {
    places: Arc<Semaphore>,
    open: Mutex<Open>,
    /// A connection has finished a request, so that it may be closed.
    at_rest: Notify,
    status: ProcessStatus,
}

#[derive(Default)]
struct Open {
    last_id: u64,
    activities: HashMap<u64, Arc<watch::Sender<Activity>>>,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy)]
struct Activity {
    /// Requests that are worked on.
    working: usize,
    /// Responses that the client has not taken yet.
    responding: usize,
    /// Whether there has been a request.
    used: bool,
    /// When the last of these changed.
    since: Instant,
    /// Whether another connection takes its place.
    is_displaced: bool,
}

/// What a connection is doing; the first to be closed comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Idle,
    Responding,
    Working,
}

impl Activity {
    fn kind(&self) -> Kind {
        match self {
            Self { working: 1.., .. } => Kind::Working,
            Self { responding: 1.., .. } => Kind::Responding,
            _ => Kind::Idle,
        }
    }

    fn can_be_spared(&self) -> bool {
        !self.is_displaced && (self.kind() != Kind::Working || self.since.elapsed() > LONGEST_WORK)
    }

    /// How long this may last.
    fn limit(&self) -> Option<Duration> {
        match self.kind() {
            Kind::Working => None,
            Kind::Responding => Some(RESPONSE_TIMEOUT),
            Kind::Idle if self.used => Some(IDLE_TIMEOUT),
            Kind::Idle => Some(FIRST_REQUEST_TIMEOUT),
        }
    }
}

impl Connections {
    /// None is open, and at most `limit` may be.
    pub fn new(limit: usize, status: ProcessStatus) -> Arc<Self> {
        status.http_connections_limit.set(i64::try_from(limit).unwrap_or(i64::MAX));
        let places = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { places, open: Mutex::default(), at_rest: Notify::new(), status })
    }

    /// A place for one more connection, that of another one if need be.
    pub async fn place(self: &Arc<Self>) -> Place {
        loop {
            let place = Arc::clone(&self.places).acquire_owned();
            if self.places.available_permits() == 0 && !self.displace() {
                // All are busy: the first to finish makes room.
                tokio::select! {
                    permit = place => if let Ok(permit) = permit { return self.taken(permit) },
                    () = self.at_rest.notified() => {}
                    () = sleep(PAUSE) => {}
                }
            } else if let Ok(permit) = place.await {
                return self.taken(permit);
            }
        }
    }

    /// Closes the connection that can be spared most. Returns whether there is one.
    pub fn displace(&self) -> bool {
        let open = self.open.lock();
        let spare = open.activities.values().filter(|activity| activity.borrow().can_be_spared());
        let order = |activity: &&Arc<watch::Sender<Activity>>| {
            let activity = activity.borrow();
            (activity.kind(), activity.since)
        };
        spare.min_by_key(order).inspect(|spare| self.close(spare)).is_some()
    }

    /// Closes the connection whose client has been taking its response for longest, if too many do.
    fn bound_responses(&self) {
        let open = self.open.lock();
        let is_responding = |activity: &&Arc<watch::Sender<Activity>>| {
            let activity = activity.borrow();
            activity.kind() == Kind::Responding && !activity.is_displaced
        };
        let responding = open.activities.values().filter(is_responding);
        if responding.clone().count() > MOST_RESPONSES
            && let Some(longest) = responding.min_by_key(|activity| activity.borrow().since)
        {
            self.close(longest);
        }
    }

    fn close(&self, activity: &watch::Sender<Activity>) {
        activity.send_modify(|activity| activity.is_displaced = true);
        self.status.http_connections_closed.inc();
    }

    fn taken(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Place {
        let start = Activity { working: 0, responding: 0, used: false, since: Instant::now(), is_displaced: false };
        let activity = Arc::new(watch::Sender::new(start));
        let mut open = self.open.lock();
        open.last_id += 1;
        let id = open.last_id;
        open.activities.insert(id, Arc::clone(&activity));
        self.status.http_connections.inc();
        Place { connections: Arc::clone(self), id, activity, _permit: permit }
    }
}

/// The place of one connection; free again when this is dropped.
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
    activity: Arc<watch::Sender<Activity>>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Comes when the connection is to be closed: it has been without a request, or with a response, for too long, or
    /// another one takes its place.
    pub async fn lost(&self) {
        let mut changes = self.activity.subscribe();
        loop {
            let now = *changes.borrow_and_update();
            if now.is_displaced {
                return;
            }
            let changed = changes.changed();
            match now.limit() {
                None => changed.await.unwrap_or_default(),
                Some(limit) if timeout_at(now.since + limit, changed).await.is_err() => return,
                Some(_) => {}
            }
        }
    }

    /// Notes a request, until what it gives back is dropped.
    pub fn request(&self) -> Request {
        self.change(|activity| {
            activity.used = true;
            activity.working += 1;
        });
        Request { connections: Arc::clone(&self.connections), activity: Arc::clone(&self.activity), responding: false }
    }

    fn change(&self, change: impl FnOnce(&mut Activity)) {
        set(&self.activity, change);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open.lock().activities.remove(&self.id);
        self.connections.status.http_connections.dec();
    }
}

/// A request that is worked on, and then its response until the client has taken it.
pub(super) struct Request {
    connections: Arc<Connections>,
    activity: Arc<watch::Sender<Activity>>,
    responding: bool,
}

impl Request {
    /// The response; the request ends with its body.
    pub fn responds(mut self, response: Response<Body>) -> Response<Body> {
        self.responding = true;
        set(&self.activity, |activity| {
            activity.working -= 1;
            activity.responding += 1;
        });
        self.connections.at_rest.notify_one();
        self.connections.bound_responses();
        response.map(|body| Body::new(Responding { body, _request: self }))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let responding = self.responding;
        set(&self.activity, |activity| {
            let count = if responding { &mut activity.responding } else { &mut activity.working };
            *count -= 1;
        });
        self.connections.at_rest.notify_one();
    }
}

fn set(activity: &watch::Sender<Activity>, change: impl FnOnce(&mut Activity)) {
    activity.send_modify(|activity| {
        change(activity);
        activity.since = Instant::now();
    });
}

/// A body that holds on to its request.
struct Responding {
    body: Body,
    _request: Request,
}

impl HttpBody for Responding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
