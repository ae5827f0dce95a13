//! Settings that a server does not take are left out, those that sessions need are not, and what a user sets stays.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use lab::{BouncerRelease, Major, PgBouncer, Postgres};
use pgclient::{ConnectError, Connection, ConnectionSlot, Environment, Target};
use reason::Reason;

const LIMIT: Duration = Duration::from_secs(30);

fn target_of(url: &str) -> Target {
    Target::parse(url, &Environment::from_variables([("USER", "x")])).unwrap()
}

/// Opens a connection and closes it. Returns how many settings were not sent, if any are to be set afterwards.
#[tokio::main(flavor = "current_thread")]
async fn connect(target: &Target) -> Result<Option<usize>, ConnectError> {
    let connection: Connection = target.connect(&ConnectionSlot::new(Arc::default()), LIMIT).await?;
    let deferred = connection.deferred_settings().map(<[_]>::len);
    connection.close(LIMIT).await;
    Ok(deferred)
}

fn refusals(server: &Postgres) -> usize {
    std::fs::read_to_string(server.log_file()).unwrap().matches("FATAL:").count()
}

#[test]
fn refused_optional_setting_is_not_sent_again() {
    let server = Postgres::start(Major::V14).unwrap();
    let target = target_of(&server.url("monitor", "postgres"))
        .with_setting("lock_timeout", "100")
        // Not known (42704), and known with another range (22023), as a platform refuses one.
        .with_optional_setting("no_such_setting", "1")
        .with_optional_setting("not_this_one_either", "1")
        .with_optional_setting("idle_session_timeout", "-7")
        .with_optional_setting("jit", "off");
    connect(&target).unwrap();
    assert_eq!(refusals(&server), 3);
    // Also to another database of the server.
    connect(&target.with_database("template1")).unwrap();
    assert_eq!(refusals(&server), 3);
}

#[test]
fn refused_required_setting_fails_the_connection() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let url = server.url("monitor", "postgres");
    let needed = target_of(&url).with_setting("no_such_setting", "1");
    let users = target_of(&format!("{url}&no_such_setting=2")).with_optional_setting("no_such_setting", "1");
    for target in [needed, users] {
        let error = connect(&target).unwrap_err();
        assert_eq!(error.reason(), Reason::UnknownSetting, "{error}");
        assert!(error.to_string().contains("no_such_setting"), "{error}");
    }
}

#[test]
fn connects_through_a_pooler_that_takes_some_settings() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    for release in BouncerRelease::ALL {
        // Releases before 1.20 do not look into the options.
        let ignored = if release < BouncerRelease::V1_24 { "options" } else { "lock_timeout" };
        let pooler = PgBouncer::builder(release)
            .database("app", &server, "")
            .setting("ignore_startup_parameters", &format!("extra_float_digits,{ignored}"))
            .start()
            .unwrap();
        let target = target_of(&pooler.url("monitor", "app"))
            .with_setting("lock_timeout", "100")
            .with_optional_setting("tcp_user_timeout", "15000")
            .with_optional_setting("idle_session_timeout", "900000");
        let first = connect(&target).unwrap_or_else(|error| panic!("{release}: {error}\n{}", pooler.log()));
        assert_eq!(connect(&target).unwrap(), first, "{release}");
        let refusals = pooler.log().matches("closing because: unsupported startup").count();
        if release < BouncerRelease::V1_24 {
            assert_eq!((first, refusals), (None, 0), "{release}");
            continue;
        }
        // They are to be set afterwards. What the user sets is not ours to leave out.
        assert_eq!((first, refusals), (Some(3), 1), "{release}: {}", pooler.log());
        let users = target_of(&format!("{}&statement_timeout=1000", pooler.url("monitor", "app")));
        assert_eq!(connect(&users).unwrap_err().reason(), Reason::UnknownSetting, "{release}");
    }
}
