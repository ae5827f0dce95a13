//! Numbers after a load that is known: transactions, waiting clients, prepared statements.

use lab::{BouncerRelease, PgBouncer};
use postgres::{Client, NoTls};
use support::{LIMIT, Page, scrape, until};

use super::{exporter, on_every_release};

const APP: &[(&str, &str)] = &[("datname", "app")];

fn value(page: &Page, name: &str) -> f64 {
    page.value(name, APP).unwrap_or_else(|| panic!("no {name} of app: {}", page.text))
}

fn connect(pooler: &PgBouncer) -> Client {
    Client::connect(&pooler.url("app", "app"), NoTls).unwrap()
}

#[test]
fn transactions_are_counted_to_the_last() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "pool_size=2").start().unwrap();
        pooler.psql("app", "app", "select 1").unwrap();
        let exporter = exporter(&pooler, &[]);
        let before = scrape(&exporter);
        let script = pooler.socket_dir().join("script.sql");
        std::fs::write(&script, "begin;\nselect 1;\nselect 2;\nend;\n").unwrap();
        let mut pgbench = pooler.bin("pgbench", "app", "app");
        pgbench.args(["--no-vacuum", "--client=4", "--transactions=25", "--file"]).arg(&script);
        let run = pgbench.output().unwrap();
        assert!(run.status.success(), "{run:?}");
        let after = scrape(&exporter);
        let grown = |name: &str| value(&after, name) - value(&before, name);
        // pgbench itself asks one question first, in some versions none.
        let transactions = grown("pgbouncer_stat_total_xact_count");
        assert!((100.0..=102.0).contains(&transactions), "{release}: {transactions}");
        let queries = grown("pgbouncer_stat_total_query_count");
        assert!((400.0..=402.0).contains(&queries), "{release}: {queries}");
        for name in ["received", "sent", "xact_time", "query_time", "wait_time"] {
            assert!(grown(&format!("pgbouncer_stat_total_{name}")) > 0.0, "{release}: {name}");
        }
        if release >= BouncerRelease::V1_24 {
            let assignments = grown("pgbouncer_stat_total_server_assignment_count");
            assert!((100.0..=102.0).contains(&assignments), "{release}: {assignments}");
        }
        let servers = value(&after, "pgbouncer_pool_idle_servers") + value(&after, "pgbouncer_pool_used_servers");
        assert!((1.0..=2.0).contains(&servers), "{release}: {servers}");
    });
}

#[test]
fn shows_waiting_clients_while_the_pool_is_full() {
    on_every_release(|release, server| {
        let pooler = PgBouncer::builder(release).database("app", server, "pool_size=1").start().unwrap();
        let exporter = exporter(&pooler, &[]);
        let mut holder = connect(&pooler);
        let mut transaction = holder.transaction().unwrap();
        transaction.batch_execute("select 1").unwrap();
        let waiting: Vec<_> =
            (0..3).map(|_| pooler.start("psql", "app", "app", &["-X", "-c", "select 1"]).unwrap()).collect();
        let in_state = |page: &Page, kind: &str, state: &str| {
            let labels = [("datname", "app"), ("state", state)];
            page.value(&format!("pgbouncer_{kind}_connections"), &labels)
        };
        until("three clients wait", || value(&scrape(&exporter), "pgbouncer_pool_waiting_clients") == 3.0);
        let page = scrape(&exporter);
        assert_eq!(value(&page, "pgbouncer_pool_active_clients"), 1.0, "{release}");
        assert_eq!(value(&page, "pgbouncer_pool_active_servers"), 1.0, "{release}");
        assert_eq!(in_state(&page, "client", "waiting"), Some(3.0), "{release}");
        assert_eq!(in_state(&page, "client", "active"), Some(1.0), "{release}");
        assert_eq!(in_state(&page, "server", "active"), Some(1.0), "{release}");
        let seconds = |page: &Page| value(page, "pgbouncer_pool_maxwait_seconds");
        until("the first has waited for more than a second", || seconds(&scrape(&exporter)) > 1.0);
        let page = scrape(&exporter);
        let (whole, rest) = (value(&page, "pgbouncer_pool_maxwait"), value(&page, "pgbouncer_pool_maxwait_us"));
        assert!(whole >= 1.0 && (0.0..1e6).contains(&rest), "{release}: {whole} {rest}");
        assert!((seconds(&page) - whole - rest / 1e6).abs() < 1e-6, "{release}: {}", seconds(&page));
        let longest = page.value("pgbouncer_client_max_wait_seconds", &[("datname", "app"), ("state", "waiting")]);
        // The pools are asked at another moment than the clients.
        assert!((longest.unwrap() - seconds(&page)).abs() < 0.5, "{release}: {longest:?}");
        let waited = value(&page, "pgbouncer_stat_total_wait_time");

        transaction.commit().unwrap();
        for client in waiting {
            assert!(client.wait(LIMIT).is_some_and(|status| status.success()), "{}", client.log_tail());
        }
        let page = scrape(&exporter);
        assert_eq!((value(&page, "pgbouncer_pool_waiting_clients"), seconds(&page)), (0.0, 0.0), "{release}");
        let waited = value(&page, "pgbouncer_stat_total_wait_time") - waited;
        assert!(waited > 3.0, "{release}: {waited}");
    });
}

#[test]
fn prepared_statements_are_counted() {
    on_every_release(|release, server| {
        if release < BouncerRelease::V1_24 {
            return;
        }
        let pooler = PgBouncer::builder(release)
            .database("app", server, "pool_size=1")
            .setting("max_prepared_statements", "50")
            .start()
            .unwrap();
        let exporter = exporter(&pooler, &[]);
        let mut clients = [connect(&pooler), connect(&pooler)];
        for client in &mut clients {
            let statement = client.prepare("select 1 as same").unwrap();
            for _ in 0..5 {
                client.query(&statement, &[]).unwrap();
            }
        }
        let page = scrape(&exporter);
        assert_eq!(value(&page, "pgbouncer_stat_total_client_parse_count"), 2.0, "{release}");
        assert_eq!(value(&page, "pgbouncer_stat_total_server_parse_count"), 1.0, "{release}");
        assert_eq!(value(&page, "pgbouncer_stat_total_bind_count"), 10.0, "{release}");
        let held = |kind: &str| -> f64 {
            let name = format!("pgbouncer_{kind}_prepared_statements");
            page.samples(&name, APP).iter().map(|sample| sample.value).sum()
        };
        assert_eq!((held("client"), held("server")), (2.0, 1.0), "{release}");
        assert_eq!(page.value("pgbouncer_setting_max_prepared_statements", &[]), Some(50.0), "{release}");
    });
}
