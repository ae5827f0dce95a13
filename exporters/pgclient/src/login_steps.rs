//! How long each step of a login took, and how far it came.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::tls::CertificateExpiry;

/// A step of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoginStep {
    /// Resolves the host name.
    Resolve,
    /// Connects the socket.
    Connect,
    /// Asks for TLS, and does the handshake.
    Tls,
    /// Authenticates, until the session is ready.
    Login,
}

/// The steps of the last login of a [`crate::ConnectionSlot`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LoginTimes {
    /// How long each completed step took, in their order. There is no TLS without encryption, and no name to resolve for a
    /// Unix socket.
    pub steps: Vec<(LoginStep, Duration)>,
    /// The address that the last attempt connected to; `None` before the name was resolved, and for a Unix socket.
    pub address: Option<IpAddr>,
    /// When the certificate expires that the server presented, in Unix seconds, also if it was refused.
    pub certificate_expiry: Option<f64>,
}

impl LoginTimes {
    /// Whether the login completed this step.
    pub fn has(&self, step: LoginStep) -> bool {
        self.steps.iter().any(|(completed, _)| *completed == step)
    }
}

/// The clock of a login in progress. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepClock(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    times: LoginTimes,
    expiry: CertificateExpiry,
    step_began: Option<Instant>,
    /// Both ends of its TCP socket.
    ends: Option<(SocketAddr, SocketAddr)>,
}

impl StepClock {
    /// A login begins with the resolution of its name.
    pub(crate) fn begin(&self) {
        *self.0.lock() = Running { step_began: Some(Instant::now()), ..Running::default() };
    }

    /// The socket is about to be connected, maybe once more: at another address, or in another TLS mode.
    pub(crate) fn connecting(&self, address: Option<IpAddr>, expiry: &CertificateExpiry) {
        let mut running = self.0.lock();
        running.times.steps.retain(|(step, _)| *step == LoginStep::Resolve);
        (running.times.address, running.expiry, running.step_began) = (address, expiry.clone(), Some(Instant::now()));
        running.ends = None;
    }

    /// The socket is connected.
    pub(crate) fn connected(&self, ends: Option<(SocketAddr, SocketAddr)>) {
        self.completed(LoginStep::Connect);
        self.0.lock().ends = ends;
    }

    /// A step is complete, and the next one begins.
    pub(crate) fn completed(&self, step: LoginStep) {
        let mut running = self.0.lock();
        let now = Instant::now();
        let took = running.step_began.replace(now).map(|began| now - began);
        // The handshake of a cancel request comes after the login.
        let is_over = running.times.has(LoginStep::Login);
        if let Some(took) = took.filter(|_| !is_over) {
            running.times.steps.push((step, took));
        }
    }

    /// Both ends of the TCP socket of the last attempt, if it was connected.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.0.lock().ends
    }

    /// How far the login has come.
    pub(crate) fn times(&self) -> LoginTimes {
        let running = self.0.lock();
        LoginTimes { certificate_expiry: running.expiry.seconds(), ..running.times.clone() }
    }
}
