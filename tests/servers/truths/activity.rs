//! Sessions, transactions, locks and who waits for whom.

use std::thread::JoinHandle;

use lab::{Major, Postgres};
use postgres::{Client, NoTls};
use support::outcome::{collectors, exporter_of};
use support::{LIMIT, Page, exporter, scrape, until};

/// The answer as a number.
pub fn number(server: &Postgres, database: &str, sql: &str) -> f64 {
    let answer = server.psql(database, sql).unwrap();
    answer.parse().unwrap_or_else(|_| panic!("{sql}: {answer:?}"))
}

/// A session that has run this and stays in the transaction that it leaves open.
pub fn session(server: &Postgres, database: &str, sql: &str) -> Client {
    let mut client = Client::connect(&server.url("postgres", database), NoTls).unwrap();
    client.batch_execute(sql).unwrap();
    client
}

/// A session that runs this in a thread of its own, as it has to wait.
pub fn waiting(server: &Postgres, database: &str, sql: &str) -> JoinHandle<Result<(), postgres::Error>> {
    let (mut client, sql) = (session(server, database, ""), sql.to_owned());
    std::thread::spawn(move || client.batch_execute(&sql))
}

/// What the page says lies between the server's answers before and after the scrape.
pub fn assert_between(server: &Postgres, sql: &str, seen: impl FnOnce() -> Option<f64>) {
    let before = number(server, "postgres", sql);
    let seen = seen().unwrap_or_else(|| panic!("no sample for {sql}"));
    let after = number(server, "postgres", sql);
    assert!((before..=after).contains(&seen), "{sql}: {before} {seen} {after}");
}

#[test]
fn ended_transactions_are_counted() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create database app").unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache", "--exclude-database=app"]);
    let app = [("datname", "app")];
    let counts = || {
        let page = scrape(&exporter);
        ["pg_db_xact_commit", "pg_db_xact_rollback", "pg_db_xact_total"].map(|name| page.value(name, &app).unwrap())
    };
    let before = counts();
    let mut session = Client::connect(&server.url("postgres", "app"), NoTls).unwrap();
    for _ in 0..7 {
        session.batch_execute("select 1").unwrap();
    }
    for _ in 0..3 {
        session.batch_execute("begin; select 1; rollback").unwrap();
    }
    drop(session);
    let rolled_back = "select xact_rollback from pg_stat_database where datname = 'app'";
    server.wait_for(&format!("select ({rolled_back}) >= {}", before[1] + 3.0), LIMIT).unwrap();
    let after = counts();
    // To connect is a transaction, too.
    assert_eq!([after[0] - before[0], after[1] - before[1], after[2] - before[2]], [8.0, 3.0, 11.0]);
}

/// Of the database `postgres`: sessions that wait, those at the root, the longest chain.
fn blocking(page: &Page) -> [f64; 3] {
    let database = [("datname", "postgres")];
    ["blocked_sessions", "root_blockers", "max_depth"]
        .map(|name| page.value(&format!("pg_blocking_{name}"), &database).unwrap())
}

fn waits(page: &Page, locktype: &str) -> Option<f64> {
    page.value("pg_lock_wait_processes", &[("datname", "postgres"), ("locktype", locktype)])
}

/// Waits until so many processes wait for a lock, and since when is known.
pub fn until_waiting(server: &Postgres, processes: usize) {
    let all = "count(*) filter (where not granted) = count(waitstart)";
    let these = format!("count(*) filter (where not granted) = {processes}");
    server.wait_for(&format!("select {all} and {these} from pg_locks"), LIMIT).unwrap();
}

/// Ends their waiting and sees that all of it is gone.
pub fn release(server: &Postgres, waiters: Vec<JoinHandle<Result<(), postgres::Error>>>) {
    for waiter in waiters {
        waiter.join().unwrap().unwrap();
    }
    until_waiting(server, 0);
}

const EXCLUSIVELY: &str = "begin; lock table t in access exclusive mode; commit";

#[test]
fn shows_lock_waiters_and_blockers() {
    for major in [Major::V14, Major::NEWEST] {
        let settings = Postgres::builder(major).setting("max_prepared_transactions", "5");
        let server = settings.setting("deadlock_timeout", "1h").start().unwrap();
        server.psql("postgres", "create table t (id int); create table u (id int); insert into t values (1)").unwrap();
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let page = || {
            let page = scrape(&exporter);
            page.assert_clean(&format!("{major}"));
            page
        };
        assert_eq!(blocking(&page()), [0.0; 3], "{major}: nobody waits");
        queue_behind_a_lock(&server, page);
        queue_behind_a_waiter(&server, page);
        bystander_is_not_at_the_root(&server, page);
        queue_for_a_row(&server, page);
        prepared_transaction_at_the_root(&server, page);
        deadlock_does_not_turn_for_ever(&server, page);
        long_queue_is_cut(&server, page);
        if major == Major::NEWEST {
            workers_are_their_leader(&server, page);
        }
        assert_eq!(blocking(&page()), [0.0; 3], "{major}: nobody waits any more");
    }
}

/// One holds a table for three seconds, two wait for it, the second of them for the first, too.
fn queue_behind_a_lock(server: &Postgres, page: impl Fn() -> Page) {
    let mut holder = session(server, "postgres", "begin; lock table t in access exclusive mode");
    let mut waiters = vec![waiting(server, "postgres", EXCLUSIVELY)];
    until_waiting(server, 1);
    waiters.push(waiting(server, "postgres", EXCLUSIVELY));
    until_waiting(server, 2);
    server.wait_for("select max(clock_timestamp() - waitstart) > '3 s' from pg_locks", LIMIT).unwrap();
    let longest = "select extract(epoch from max(clock_timestamp() - waitstart)) from pg_locks";
    for name in ["pg_blocking_max_wait_seconds", "pg_lock_wait_max_seconds"] {
        assert_between(server, longest, || page().value(name, &[("datname", "postgres")]));
    }
    let seen = page();
    assert_eq!(blocking(&seen), [2.0, 1.0, 2.0]);
    assert_eq!(waits(&seen, "relation"), Some(2.0));
    let mode = [("datname", "postgres"), ("mode", "AccessExclusiveLock")];
    assert_eq!(seen.value("pg_lock_count", &mode), Some(3.0));
    assert_eq!(seen.value("pg_lock_waiting", &mode), Some(2.0));
    holder.batch_execute("commit").unwrap();
    release(server, waiters);
}

/// The third would get along with the holder, but not with the second, who was there before.
fn queue_behind_a_waiter(server: &Postgres, page: impl Fn() -> Page) {
    let mut holder = session(server, "postgres", "begin; lock table t in access share mode");
    let mut waiters = vec![waiting(server, "postgres", EXCLUSIVELY)];
    until_waiting(server, 1);
    assert_eq!(blocking(&page()), [1.0, 1.0, 1.0]);
    for _ in 0..2 {
        waiters.push(waiting(server, "postgres", "select * from t"));
    }
    until_waiting(server, 3);
    assert_eq!(blocking(&page()), [3.0, 1.0, 2.0]);
    holder.batch_execute("commit").unwrap();
    release(server, waiters);
}

/// Of two that hold the table only one is in the way.
fn bystander_is_not_at_the_root(server: &Postgres, page: impl Fn() -> Page) {
    let mut holder = session(server, "postgres", "begin; lock table u in share mode");
    let bystander = session(server, "postgres", "begin; lock table u in access share mode");
    let waiters = vec![waiting(server, "postgres", "insert into u values (1)")];
    until_waiting(server, 1);
    assert_eq!(blocking(&page()), [1.0, 1.0, 1.0]);
    holder.batch_execute("commit").unwrap();
    release(server, waiters);
    drop(bystander);
}

/// The first waits for the transaction that changed the row, the second for the first, who has the place at the row.
fn queue_for_a_row(server: &Postgres, page: impl Fn() -> Page) {
    let mut holder = session(server, "postgres", "begin; update t set id = id");
    let mut waiters = vec![waiting(server, "postgres", "update t set id = id")];
    until_waiting(server, 1);
    waiters.push(waiting(server, "postgres", "update t set id = id"));
    until_waiting(server, 2);
    let seen = page();
    assert_eq!(blocking(&seen), [2.0, 1.0, 2.0]);
    assert_eq!((waits(&seen, "transactionid"), waits(&seen, "tuple")), (Some(1.0), Some(1.0)));
    holder.batch_execute("commit").unwrap();
    release(server, waiters);
}

/// It has no process, and holds locks all the same.
fn prepared_transaction_at_the_root(server: &Postgres, page: impl Fn() -> Page) {
    server.psql("postgres", "begin; lock table t in access exclusive mode; prepare transaction 'held'").unwrap();
    let waiters = vec![waiting(server, "postgres", EXCLUSIVELY)];
    until_waiting(server, 1);
    assert_eq!(blocking(&page()), [1.0, 1.0, 1.0]);
    server.psql("postgres", "commit prepared 'held'").unwrap();
    release(server, waiters);
}

/// Two wait for each other, and nobody is at the root.
fn deadlock_does_not_turn_for_ever(server: &Postgres, page: impl Fn() -> Page) {
    let both = ["t", "u"]
        .map(|table| session(server, "postgres", &format!("begin; lock table {table} in access exclusive mode")));
    let mut both = both.into_iter().zip(["u", "t"]).map(|(mut client, table)| {
        let token = client.cancel_token();
        let sql = format!("lock table {table} in access exclusive mode");
        (token, std::thread::spawn(move || client.batch_execute(&sql)))
    });
    let (first, second) = (both.next().unwrap(), both.next().unwrap());
    until_waiting(server, 2);
    assert_eq!(blocking(&page()), [2.0, 0.0, 1.0]);
    first.0.cancel_query(NoTls).unwrap();
    assert!(first.1.join().unwrap().is_err(), "was cancelled");
    release(server, vec![second.1]);
}

/// More sessions than the depth counts to: the page comes in time all the same.
fn long_queue_is_cut(server: &Postgres, page: impl Fn() -> Page) {
    let mut holder = session(server, "postgres", "begin; update t set id = id");
    let waiters: Vec<_> = (0..60).map(|_| waiting(server, "postgres", "update t set id = id")).collect();
    until_waiting(server, 60);
    let seen = page();
    assert_eq!(blocking(&seen), [60.0, 1.0, 60.0]);
    // The 20 that have waited longest.
    let longest = "select string_agg(pid::text, ' ') from (select pid from pg_locks where not granted order by waitstart limit 20) l";
    let longest = server.psql("postgres", longest).unwrap();
    assert_eq!(seen.label_values("pg_blocked_wait_seconds", "pid"), longest.split(' ').collect());
    assert_eq!(seen.samples("pg_blocked_wait_seconds", &[]).len(), 20);
    holder.batch_execute("commit").unwrap();
    release(server, waiters);
}

/// Two processes hold the table for one query: one session is at the root.
fn workers_are_their_leader(server: &Postgres, page: impl Fn() -> Page) {
    let mut leader = session(server, "postgres", "set debug_parallel_query = on");
    let token = leader.cancel_token();
    let query = std::thread::spawn(move || leader.batch_execute("select pg_sleep(3600) from t"));
    let held = "relation = 't'::regclass and granted";
    server.wait_for(&format!("select count(distinct pid) = 2 from pg_locks where {held}"), LIMIT).unwrap();
    let waiters = vec![waiting(server, "postgres", EXCLUSIVELY)];
    until_waiting(server, 1);
    assert_eq!(blocking(&page()), [1.0, 1.0, 1.0]);
    token.cancel_query(NoTls).unwrap();
    assert!(query.join().unwrap().is_err(), "was cancelled");
    release(server, waiters);
}

#[test]
fn a_reader_of_a_standby_waits_for_replay() {
    let primary = Postgres::start(Major::NEWEST).unwrap();
    primary.psql("postgres", "create table t (id int)").unwrap();
    let standby = primary.standby("standby1").unwrap();
    let exporter = exporter(&standby, "postgres", &["--disable-cache"]);
    let mut holder = session(&primary, "postgres", "begin; lock table t in access exclusive mode");
    // What comes after the lock takes it to the standby.
    primary.psql("postgres", "create table u (id int)").unwrap();
    let held = "select count(*) = 1 from pg_locks where relation = 't'::regclass and mode = 'AccessExclusiveLock'";
    standby.wait_for(held, LIMIT).unwrap();
    let waiters = vec![waiting(&standby, "postgres", "select * from t")];
    until_waiting(&standby, 1);
    let page = scrape(&exporter);
    page.assert_clean("standby");
    assert_eq!(blocking(&page), [1.0, 1.0, 1.0]);
    holder.batch_execute("commit").unwrap();
    release(&standby, waiters);
}

#[test]
fn sessions_and_their_age_are_the_servers_own() {
    let settings = Postgres::builder(Major::NEWEST).setting("reserved_connections", "7");
    let server = settings.setting("superuser_reserved_connections", "3").start().unwrap();
    server.psql("postgres", "create database app").unwrap();
    let watcher = exporter(&server, "postgres", &["--disable-cache", "--exclude-database=app"]);
    scrape(&watcher);

    let idle = session(&server, "app", "begin; select 1");
    server.wait_for("select now() - state_change > '1 s' from pg_stat_activity where datname = 'app'", LIMIT).unwrap();
    let labels = [("datname", "app"), ("state", "idle in transaction")];
    for (name, since) in
        [("duration", "state_change"), ("tx_duration", "xact_start"), ("conn_duration", "backend_start")]
    {
        let age = format!("extract(epoch from clock_timestamp() - {since})");
        let sql = format!("select {age} from pg_stat_activity where datname = 'app'");
        assert_between(&server, &sql, || scrape(&watcher).value(&format!("pg_activity_max_{name}"), &labels));
    }
    let page = scrape(&watcher);
    assert_eq!(page.value("pg_activity_count", &labels), Some(1.0));
    let bucket = |le| page.value("pg_xact_age_idle_seconds_bucket", &[("datname", "app"), ("le", le)]);
    assert_eq!((bucket("1"), bucket("+Inf")), (Some(0.0), Some(1.0)));

    let mut others: Vec<_> = (0..4).map(|_| session(&server, "app", "")).collect();
    // Those of psql take a moment to go.
    until("connections are counted", || {
        let page = scrape(&watcher);
        let counted = others[0]
            .query_one("select count(*)::float8 from pg_stat_activity where backend_type = 'client backend'", &[]);
        let used = page.value("pg_connection_used", &[]).unwrap();
        assert_eq!(page.value("pg_connection_usable", &[]), Some(90.0));
        assert_eq!(page.value("pg_connection_used_ratio", &[]), Some(used / 90.0));
        used == counted.unwrap().get::<_, f64>(0) && used == 6.0
    });
    drop(idle);
}

/// The active sessions that the page counts for a type of wait event.
fn active(page: &Page, event: &str) -> f64 {
    page.value("pg_activity_wait_sessions", &[("event", event)]).unwrap_or_else(|| panic!("{event}: {}", page.text))
}

#[test]
fn active_sessions_are_counted_by_type_of_wait_event() {
    for major in [Major::V14, Major::NEWEST] {
        let server = Postgres::start(major).unwrap();
        server.psql("postgres", "create table t (id int); create database app").unwrap();
        // A standby's walsender and idle sessions are no load.
        let standby = server.standby("standby1").unwrap();
        let mut idle = session(&server, "app", "begin; select 1");
        let exporter = exporter(&server, "postgres", &["--disable-cache"]);
        let page = scrape(&exporter);
        page.assert_clean(&format!("{major}"));
        for event in ["Running", "Client", "Extension", "IO", "IPC", "LWLock", "Lock", "Timeout"] {
            assert_eq!(active(&page, event), 0.0, "{major}: {event} without load");
        }
        assert_eq!(page.samples("pg_activity_wait_sessions", &[]).len(), 9, "{major}");

        let mut holder = session(&server, "postgres", "begin; lock table t in access exclusive mode");
        let waiters = (0..3).map(|_| waiting(&server, "postgres", EXCLUSIVELY)).collect();
        until_waiting(&server, 3);
        let sleeper = session(&server, "app", "");
        let token = sleeper.cancel_token();
        let sleeping = std::thread::spawn({
            let mut sleeper = sleeper;
            move || sleeper.batch_execute("select pg_sleep(3600)")
        });
        server.wait_for("select count(*) = 1 from pg_stat_activity where wait_event = 'PgSleep'", LIMIT).unwrap();
        let page = scrape(&exporter);
        assert_eq!((active(&page, "Lock"), active(&page, "Timeout")), (3.0, 1.0), "{major}");
        assert_eq!(active(&page, "Client"), 0.0, "{major}: those idle in a transaction are not active");
        token.cancel_query(NoTls).unwrap();
        assert!(sleeping.join().unwrap().is_err(), "was cancelled");
        holder.batch_execute("commit").unwrap();
        release(&server, waiters);
        idle.batch_execute("commit").unwrap();
        drop(standby);
    }
}

#[test]
fn applications_are_counted_up_to_twenty() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    let file = support::path("collectors/pg/pg_session.yml");
    let on = collectors(&std::fs::read_to_string(file).unwrap().replace("skip: true", "skip: false"));
    let config = ["--config", on.path().to_str().unwrap(), "--disable-cache"];
    let exporter = exporter_of(&server.url("monitor", "postgres"), &config);
    let named = |name: &str| session(&server, "postgres", &format!("set application_name = '{name}'"));
    let mut sessions: Vec<_> = (0..3).map(|_| named("many")).collect();
    sessions.extend((0..25).map(|at| named(&format!("application {at}"))));
    let count = |page: &Page, name| page.value("pg_session_sessions", &[("usename", "postgres"), ("appname", name)]);
    // "many", 19 of the others by their names, and six that are left.
    until("sessions are counted", || {
        let page = scrape(&exporter);
        page.samples("pg_session_sessions", &[]).len() == 21
            && count(&page, "many") == Some(3.0)
            && count(&page, "application 0") == Some(1.0)
            && page.value("pg_session_sessions", &[("usename", "other"), ("appname", "other")]) == Some(6.0)
    });
    drop(sessions);
}

#[test]
fn shows_progress_of_copy() {
    let server = Postgres::start(Major::NEWEST).unwrap();
    server.psql("postgres", "create table filled (line text)").unwrap();
    let exporter = exporter(&server, "postgres", &["--disable-cache"]);
    let mut client = session(&server, "postgres", "");
    let mut writer = client.copy_in("copy filled from stdin where line <> 'no'").unwrap();
    for _ in 0..20_000 {
        std::io::Write::write_all(&mut writer, b"yes\nno\n").unwrap();
    }
    std::io::Write::flush(&mut writer).unwrap();
    let labels = [("datname", "postgres"), ("relname", "public.filled"), ("command", "COPY FROM")];
    until("the server has read some of it", || {
        let page = scrape(&exporter);
        let value = |name| page.value(&format!("pg_copying_{name}"), &labels);
        assert_eq!(value("total_bytes"), None, "a client does not say how much will come");
        value("processes") == Some(1.0)
            && value("done_bytes") > Some(100_000.0)
            && value("excluded_tuples") > Some(10_000.0)
            && value("done_tuples") > Some(10_000.0)
            && value("elapsed_seconds") > Some(0.0)
    });
    drop(writer);
    drop(client);
    until("it is gone", || scrape(&exporter).samples("pg_copying_processes", &[]).is_empty());
}
