//! Runs statements on a pooled connection.

use std::sync::Arc;

use engine::RowSink;
use futures_util::{StreamExt, TryStreamExt, join, pin_mut};
use postgres_types::Type;
use tokio_postgres::{Column, Error, Row, RowStream};

use crate::decode::cell;
use crate::pool::pooled_connection::PooledConnection;

/// The argument of a query, if it has one: a list of texts.
pub(super) type Values<'a> = Option<&'a Vec<String>>;

/// The rows of a statement about the server.
pub(super) async fn rows(pooled: &PooledConnection, sql: &Arc<str>) -> Result<Vec<Row>, Error> {
    start(pooled, sql, None).await?.try_collect().await
}

/// Hands the rows of a query to `sink` as they arrive; returns how many bytes they had.
pub(super) async fn feed(
    pooled: &PooledConnection,
    sql: &Arc<str>,
    values: Values<'_>,
    sink: &mut dyn RowSink,
) -> Result<u64, Error> {
    let stream = start(pooled, sql, values).await?;
    pin_mut!(stream);
    let mut is_first = true;
    let mut received_bytes = 0;
    while let Some(row) = stream.next().await {
        let row = row?;
        received_bytes += row.raw_size_bytes() as u64;
        if std::mem::take(&mut is_first) {
            sink.columns(&row.columns().iter().map(Column::name).collect::<Vec<_>>());
        }
        sink.row(&(0..row.len()).map(|at| cell(&row, at)).collect::<Vec<_>>());
    }
    Ok(received_bytes)
}

/// Starts a query.
///
/// The first time on a connection it goes out unprepared, in one message. The second time it is prepared as well, in the same
/// pipeline: waiting for that would put the query behind slower ones. From then on it runs prepared, which saves planning.
async fn start(pooled: &PooledConnection, sql: &Arc<str>, values: Values<'_>) -> Result<RowStream, Error> {
    let client = pooled.connection.client();
    let unprepared = || client.query_typed_raw(sql, values.map(|values| (values, Type::TEXT_ARRAY)));
    match pooled.used(sql) {
        None => {
            pooled.remember(sql, None);
            pooled.count(1);
            unprepared().await
        }
        Some(None) => {
            pooled.count(2);
            let (prepared, started) = join!(client.prepare(sql), unprepared());
            // If it cannot be prepared, the query itself reports why.
            pooled.remember(sql, prepared.ok());
            started
        }
        Some(Some(statement)) => {
            pooled.count(1);
            let started = client.query_raw(&statement, values).await;
            if started.is_err() {
                // The server may require that it is prepared again.
                pooled.remember(sql, None);
            }
            started
        }
    }
}

/// Adds these schemas to the search path, after `pg_catalog`.
pub(super) async fn set_search_path(pooled: &PooledConnection, schemas: &[String]) -> Result<(), Error> {
    if schemas.is_empty() {
        return Ok(());
    }
    pooled.count(1);
    pooled.connection.client().batch_execute(&set_statement(schemas)).await
}

/// Restores the search path that the session started with.
pub(super) async fn reset_search_path(pooled: &PooledConnection, schemas: &[String]) -> Result<(), Error> {
    if schemas.is_empty() {
        return Ok(());
    }
    pooled.count(1);
    pooled.connection.client().batch_execute("RESET search_path").await
}

/// Temporary objects come last: PostgreSQL searches them first if the list does not name them.
fn set_statement(schemas: &[String]) -> String {
    let quoted =
        schemas.iter().filter(|name| *name != "pg_temp").map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    let list: Vec<String> =
        std::iter::once("pg_catalog".to_owned()).chain(quoted).chain(["pg_temp".to_owned()]).collect();
    format!("SET search_path TO {}", list.join(", "))
}
