//! Reading a server: `collection` runs over all databases and is shared by concurrent scrapes, `database` reads one of
//! them, `batch` asks everything that is due on its session, `collector_run` is one collector of the batch, `shared_query` lets several of them
//! share a query. `sampler` takes samples beside all that.

mod batch;
mod collection;
mod collector_run;
mod database;
mod sampler;
mod shared_query;
mod visits;

pub(super) use collection::Collection;
pub(super) use sampler::Sampling;
