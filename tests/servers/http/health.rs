//! The endpoints for load balancers and orchestrators.

use lab::{Exporter, Major, Postgres};
use support::{LIMIT, binary, exporter, until};

use super::DOWN;

/// Status and word of a primary, a standby and a server that is down.
type Answers = [(u16, &'static str); 3];

#[test]
fn answers_health_by_role_and_state() {
    let primary = Postgres::start(Major::NEWEST).unwrap();
    let standby = primary.standby("one").unwrap();
    let down = Exporter::start(binary(), &[], &[DOWN]).unwrap();
    let (of_primary, of_standby) = (exporter(&primary, "postgres", &[]), exporter(&standby, "postgres", &[]));
    let either: Answers = [(200, "primary"), (200, "replica"), (503, "down")];
    let only_primary = [(200, "primary"), (404, "replica"), (503, "down")];
    let only_standby = [(404, "primary"), (200, "replica"), (503, "down")];
    let table: [(&[&str], Answers); 4] = [
        (&["/liveness"], [(200, "alive"); 3]),
        (&["/up", "/health", "/readiness", "/read"], either),
        (&["/primary", "/leader", "/master", "/read-write", "/rw"], only_primary),
        (&["/replica", "/standby", "/slave", "/read-only", "/ro"], only_standby),
    ];
    for (paths, answers) in table {
        for path in paths {
            for (exporter, (status, word)) in [&of_primary, &of_standby, &down].into_iter().zip(answers) {
                for method in ["GET", "HEAD", "OPTIONS", "POST"] {
                    let response = exporter.request(method, path, &[]).unwrap();
                    assert_eq!(response.status, status, "{method} {path} of {word}");
                    assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
                    assert_eq!(response.text(), if method == "HEAD" { "" } else { word }, "{method} {path}");
                }
            }
        }
    }

    let status = |exporter: &Exporter, path: &str| exporter.get(path).unwrap().status;
    for bad in ["x", "-1", "", "NaN", "1s"] {
        for path in ["/replica", "/up", "/primary"] {
            let response = of_standby.get(&format!("{path}?max_lag={bad}")).unwrap();
            assert_eq!(
                (response.status, &*response.text()),
                (400, "max_lag: expected a number of seconds, for example ?max_lag=10"),
                "{bad}"
            );
        }
    }
    assert_eq!(status(&of_standby, "/replica?max_lag=10"), 200);
    assert_eq!(status(&of_primary, "/up?max_lag=0"), 200);
    assert_eq!(status(&of_primary, "/replica?max_lag=10"), 404);
    // A standby that does not replay falls behind, whoever asks for less lag is sent away.
    standby.psql("postgres", "select pg_wal_replay_pause()").unwrap();
    standby.wait_for("select pg_get_wal_replay_pause_state() = 'paused'", LIMIT).unwrap();
    primary.psql("postgres", "create table more as select 1").unwrap();
    until("the standby is known to lag", || status(&of_standby, "/replica?max_lag=0.1") == 503);
    for path in ["/standby?max_lag=0.1", "/up?max_lag=0.1", "/read?max_lag=0.1"] {
        let response = of_standby.get(path).unwrap();
        assert_eq!((response.status, &*response.text()), (503, "replica"), "{path}");
    }
    assert_eq!(status(&of_standby, "/primary?max_lag=0.1"), 404);
    assert_eq!(status(&of_standby, "/replica?max_lag=3600"), 200);
    assert_eq!(status(&of_standby, "/replica"), 200);
    standby.psql("postgres", "select pg_wal_replay_resume()").unwrap();
    until("the standby has caught up", || status(&of_standby, "/replica?max_lag=0.1") == 200);
    standby.promote().unwrap();
    until("the new primary is known", || {
        status(&of_standby, "/primary") == 200 && status(&of_standby, "/replica") == 404
    });
}
