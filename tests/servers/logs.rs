//! What users get to ship logs with, `vector/`, run over lines that real servers have just written.

mod pgbackrest;
mod pgbouncer;
mod postgres;
