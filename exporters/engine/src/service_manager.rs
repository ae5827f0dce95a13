//! Tells systemd how the service is: ready, alive, reloading, stopping. Does nothing where `NOTIFY_SOCKET` is not set.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;

/// The service listens; `status` is what `systemctl status` shows.
pub(crate) fn ready(status: &str) {
    notify(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The service reads its files again; [`ready`] ends that.
pub(crate) fn reloading() {
    // systemd 253 and later take a reload without the time for one that was asked for earlier.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "cannot read the monotonic clock"),
    }
}

/// The service ends; open requests may still be answered.
pub(crate) fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Sends a sign of life twice in each interval of the watchdog, as long as the runtime runs tasks.
pub(crate) async fn keep_alive() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| *limit > Duration::ZERO) else { return };
    tracing::debug!(limit_seconds = limit.as_secs_f64(), "watchdog of the service manager");
    let mut ticks = tokio::time::interval(limit / 2);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        notify(&[NotifyState::Watchdog]);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "cannot notify the service manager");
    }
}
