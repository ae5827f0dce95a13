//! The driver's configuration.

use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::ChannelBinding;

use crate::conninfo::parameters::{Parameters, keyword, number};
use crate::error::TargetError;

// By default, an idle connection whose peer is gone is detected within 30 seconds; with the system's defaults it takes two
// hours. There is no user timeout by default, see `socket::reachability`.
const KEEPALIVES_IDLE: u32 = 10;
const KEEPALIVES_INTERVAL: u32 = 10;
const KEEPALIVES_COUNT: u32 = 2;

/// The driver's configuration as far as it is the same for every server and database.
pub(super) fn driver_template(user: &str, given: &Parameters) -> Result<Config, TargetError> {
    let bindings = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    let mut config = Config::new();
    config.user(user);
    if let Some(name) = given.get("application_name").or_else(|| given.get("fallback_application_name")) {
        config.application_name(name);
    }
    if let Some(binding) = keyword(given, "channel_binding", &bindings)? {
        config.channel_binding(binding);
    }
    if let Some(on) = number(given, "keepalives")? {
        config.keepalives(on != 0);
    }
    // For these, 0 means the system's default, as does a negative number.
    let positive = |name| Ok::<_, TargetError>(number(given, name)?.map(|number| u32::try_from(number).unwrap_or(0)));
    let seconds = positive("keepalives_idle")?.unwrap_or(KEEPALIVES_IDLE);
    if seconds > 0 {
        config.keepalives_idle(Duration::from_secs(seconds.into()));
    }
    let seconds = positive("keepalives_interval")?.unwrap_or(KEEPALIVES_INTERVAL);
    if seconds > 0 {
        config.keepalives_interval(Duration::from_secs(seconds.into()));
    }
    let count = positive("keepalives_count")?.unwrap_or(KEEPALIVES_COUNT);
    if count > 0 {
        config.keepalives_retries(count);
    }
    if let Some(milliseconds) = positive("tcp_user_timeout")?.filter(|milliseconds| *milliseconds > 0) {
        config.tcp_user_timeout(Duration::from_millis(milliseconds.into()));
    }
    Ok(config)
}
