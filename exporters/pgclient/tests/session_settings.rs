//! Settings that a server does not take are left out, those that sessions need are not, and what a user sets stays.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use lab::{BouncerRelease, Major, PgBouncer, Postgres};
use pgclient::{ConnectError, Connection, ConnectionSlot, Environment, Target};
use reason::Reason;

const LIMIT: Duration = Duration::from_secs(30);

fn target(url: &str) -> Target {
    Target::parse(url, &Environment::from_variables([("USER", "x")])).unwrap()
}

/// Opens a connection and closes it.
#[tokio::main(flavor = "current_thread")]
async fn connect(target: &Target) -> Result<(), ConnectError> {
    let connection: Connection = target.connect(&ConnectionSlot::new(Arc::default()), LIMIT).await?;
    connection.close(LIMIT).await;
    Ok(())
}

fn refusals(server: &Postgres) -> usize {
    std::fs::read_to_string(server.log_file()).unwrap().matches("FATAL:").count()
}

#[test]
fn refused_optional_setting_is_not_sent_again() {
    let server = Postgres::start(Major::V14).unwrap();
    let target = target(&server.url("monitor", "postgres"))
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
    let needed = target(&url).with_setting("no_such_setting", "1");
    let users = target(&format!("{url}&no_such_setting=2")).with_optional_setting("no_such_setting", "1");
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
        let target = target(&pooler.url("monitor", "app"))
            .with_setting("lock_timeout", "100")
            .with_optional_setting("tcp_user_timeout", "15000")
            .with_optional_setting("idle_session_timeout", "900000");
        connect(&target).unwrap_or_else(|error| panic!("{release}: {error}\n{}", pooler.log()));
        connect(&target).unwrap();
        if release >= BouncerRelease::V1_24 {
            assert_eq!(
                pooler.log().matches("closing because: unsupported startup").count(),
                2,
                "{release}: {}",
                pooler.log()
            );
            let needed = target.with_setting("statement_timeout", "1000");
            assert_eq!(connect(&needed).unwrap_err().reason(), Reason::UnknownSetting, "{release}");
        }
    }
}
