//! Reading a server: `collection` runs over all databases and is shared by concurrent scrapes, `database` reads one of
//! them, `batch` asks everything that is due on its session, `collector_run` is one collector of the batch.

mod batch;
mod collection;
mod collector_run;
mod database;
mod visits;

pub(super) use collection::Collection;
