//! Sessions behind one lock: a transaction that was left open, a change of the table that waits for it, and all who want the
//! table and wait behind that.

use std::thread::JoinHandle;

use lab::{Architecture, Member};
use postgres::{Client, NoTls};

use super::LIMIT;

/// Sessions that wait behind the change.
const WAITING: usize = 16;

/// What the sessions want. A statement that has ended once has a text on the dashboards.
const TABLE: &str = "
create table if not exists orders (id int primary key, status text);
insert into orders select n, 'new' from generate_series(1, 1000) n on conflict do nothing;
update orders set status = 'paid' where id = 1000;
";

/// Lasts until it is dropped.
pub struct PileUp {
    // First: all others go on when it has ended.
    holder: Option<Client>,
    waiting: Vec<JoinHandle<()>>,
}

impl PileUp {
    /// Causes it on a server, and waits until Prometheus knows of all sessions.
    pub fn start(architecture: &Architecture, member: &Member) -> PileUp {
        member.psql("postgres", TABLE).unwrap();
        let conninfo = format!("host=127.0.0.1 port={} user=postgres dbname=postgres", member.port());
        let mut holder = Client::connect(&conninfo, NoTls).unwrap();
        holder.batch_execute("begin; select count(*) from orders").unwrap();
        let session = |sql: String| {
            let conninfo = conninfo.clone();
            // One whose server ends has waited long enough.
            std::thread::spawn(move || {
                Client::connect(&conninfo, NoTls).and_then(|mut client| client.batch_execute(&sql)).unwrap_or(())
            })
        };
        let mut waiting = vec![session("alter table orders add column if not exists note text".to_owned())];
        let change = "select count(*) = 1 from pg_locks where not granted and mode = 'AccessExclusiveLock'";
        member.wait_for_query(change, LIMIT).unwrap();
        waiting.extend(
            (1..=WAITING).map(|order| session(format!("update orders set status = 'paid' where id = {order}"))),
        );
        architecture.prometheus.wait_for(&format!("sum(pg_blocking_blocked_sessions) > {WAITING}"), LIMIT).unwrap();
        PileUp { holder: Some(holder), waiting }
    }
}

impl Drop for PileUp {
    fn drop(&mut self) {
        self.holder = None;
        for session in self.waiting.drain(..) {
            // It panics for nothing.
            session.join().unwrap_or(());
        }
    }
}
