//! Reading a server: `collection` runs over all databases and is shared by concurrent scrapes, `database` reads one of
//! them, `batch` asks everything that is due on its session, `collector_run` is one collector of the batch, `shared_query` lets several of them
//! share a query.

mod batch;
mod collection;
mod collector_run;
mod database;
mod shared_query;
mod visits;

pub(super) use collection::Collection;
