//! Sessions behind one lock: a transaction that was left open after it changed a row, and all who want to change that row.

use std::thread::JoinHandle;

use lab::{Architecture, Member};
use postgres::{Client, NoTls};

use super::LIMIT;

/// Sessions that wait. They do so while they execute: one that waits for a table, before that, has no query ID yet.
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
        holder.batch_execute("begin; update orders set status = 'paid' where id = 1").unwrap();
        let session = |_| {
            let conninfo = conninfo.clone();
            // One whose server ends has waited long enough.
            std::thread::spawn(move || {
                Client::connect(&conninfo, NoTls)
                    .and_then(|mut client| client.batch_execute("update orders set status = 'sent' where id = 1"))
                    .unwrap_or(())
            })
        };
        let waiting = (0..WAITING).map(session).collect();
        architecture.prometheus.wait_for(&format!("sum(pg_blocking_blocked_sessions) >= {WAITING}"), LIMIT).unwrap();
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
