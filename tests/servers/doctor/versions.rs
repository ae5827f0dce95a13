//! Every rule runs on every supported version, on a primary and on a standby.

use lab::{Major, Postgres};

use super::doctor;

#[test]
fn every_rule_can_be_read_on_every_version() {
    std::thread::scope(|scope| {
        for major in Major::ALL {
            scope.spawn(move || {
                let primary = Postgres::start(major).unwrap();
                let standby = primary.standby("standby1").unwrap();
                let grants = "grant select on pg_hba_file_rules to monitor;
                              grant execute on function pg_hba_file_rules() to monitor";
                primary.psql("postgres", grants).unwrap();
                let granted = "select has_function_privilege('monitor', 'pg_hba_file_rules()', 'execute')";
                standby.wait_for(granted, support::LIMIT).unwrap();
                for (server, role) in [(&primary, "primary"), (&standby, "replica")] {
                    let found = doctor(server, &[]);
                    assert_eq!(found.unread(), [""; 0], "{major}, {role}: {:#}", found.server);
                    assert_eq!((found.critical(), &found.server["role"]), (vec!["fsync_off"], &role.into()), "{major}");
                }
            });
        }
    });
}
