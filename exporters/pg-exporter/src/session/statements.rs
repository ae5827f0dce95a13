//! Runs statements on a pooled connection.

use std::future::Future;
use std::sync::Arc;

use engine::{CellError, Query, RowSink, Value};
use futures_util::{StreamExt, TryStreamExt, join, pin_mut};
use postgres_types::Type;
use tokio_postgres::{Column, Error, Row, RowStream};

use crate::decode::{cell, is_too_large};
use crate::pool::pooled_connection::PooledConnection;
use crate::session_start::DO_NOT_CONVERT;
use crate::text_encoding::TextEncoding;

/// The argument of a query, if it has one: a list of texts.
type Values<'a> = Option<&'a Vec<String>>;

/// The rows of a statement about the server.
pub(super) async fn rows(pooled: &PooledConnection, sql: &Arc<str>) -> Result<Vec<Row>, Error> {
    // In a box, since each future that contains it would contain it more than once.
    let rows = Box::pin(async { start(pooled, sql, None).await?.try_collect().await });
    match &pooled.transaction {
        Some(transaction) => in_transaction(pooled, &transaction.begin(None, None), rows).await,
        None => rows.await,
    }
}

/// Runs a query of a collector within its time limit and with its search path. All statements are pipelined. Returns how
/// many bytes its rows had, and whether the session is as it was before.
pub(super) async fn run(
    pooled: &PooledConnection,
    query: &Query,
    sink: &mut dyn RowSink,
) -> (Result<u64, Error>, bool) {
    let encoding = encoding_for(pooled, query);
    let rows = Box::pin(feed(pooled, query, encoding, sink));
    if let Some(transaction) = &pooled.transaction {
        let mut begin = transaction.begin(Some(query.timeout), schemas(query).as_deref());
        if encoding != pooled.encoding {
            begin.push_str("; SET LOCAL client_encoding = 'UTF8'");
        }
        return (in_transaction(pooled, &begin, rows).await, true);
    }
    let (_, converts, ready, received, reset, as_before) = join!(
        pooled.allow(query.timeout),
        set_conversion(pooled, encoding),
        set_search_path(pooled, &query.search_path),
        rows,
        reset_search_path(pooled, &query.search_path),
        reset_conversion(pooled, encoding),
    );
    (received, converts.and(ready).and(reset).and(as_before).is_ok())
}

/// The schemas of a query as a list, if it has any.
fn schemas(query: &Query) -> Option<String> {
    (!query.search_path.is_empty()).then(|| search_path(&query.search_path))
}

/// Runs one statement in a transaction of its own, in one pipeline.
async fn in_transaction<T>(
    pooled: &PooledConnection,
    begin: &str,
    statement: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let client = pooled.connection.client();
    let (begun, result, ended) = join!(client.batch_execute(begin), statement, client.batch_execute("COMMIT"));
    begun?;
    let result = result?;
    ended?;
    Ok(result)
}

/// Hands the rows of a query to `sink` as they arrive; returns how many bytes they had.
async fn feed(
    pooled: &PooledConnection,
    query: &Query,
    encoding: TextEncoding,
    sink: &mut dyn RowSink,
) -> Result<u64, Error> {
    let stream = start(pooled, &query.text, query.values.as_ref()).await?;
    pin_mut!(stream);
    let mut is_first = true;
    let mut received_bytes = 0;
    while let Some(row) = stream.next().await {
        let row = row?;
        received_bytes += row.raw_size_bytes() as u64;
        if std::mem::take(&mut is_first) {
            sink.columns(&row.columns().iter().map(Column::name).collect::<Vec<_>>());
        }
        if is_too_large(&row) {
            sink.row(&vec![Value::Invalid(CellError::TooLarge); row.len()]);
        } else {
            sink.row(&(0..row.len()).map(|at| cell(&row, at, encoding)).collect::<Vec<_>>());
        }
    }
    Ok(received_bytes)
}

/// The encoding for one query: what is sent is UTF-8, so that the server must convert whatever is not ASCII.
fn encoding_for(pooled: &PooledConnection, query: &Query) -> TextEncoding {
    let mut values = query.values.iter().flatten();
    let is_ascii = query.text.is_ascii()
        && query.search_path.iter().all(|name| name.is_ascii())
        && values.all(|value| value.is_ascii());
    if is_ascii { pooled.encoding } else { TextEncoding::Utf8 }
}

/// Has the server convert text, if the query needs that and the session does not.
async fn set_conversion(pooled: &PooledConnection, wanted: TextEncoding) -> Result<(), Error> {
    if wanted == pooled.encoding {
        return Ok(());
    }
    pooled.count(1);
    pooled.connection.client().batch_execute("SET client_encoding = 'UTF8'").await
}

/// Undoes that.
async fn reset_conversion(pooled: &PooledConnection, wanted: TextEncoding) -> Result<(), Error> {
    if wanted == pooled.encoding {
        return Ok(());
    }
    pooled.count(1);
    pooled.connection.client().batch_execute(DO_NOT_CONVERT).await
}

/// Starts a query.
///
/// The first time on a connection it goes out unprepared, in one message. The second time it is prepared as well, in the same
/// pipeline: waiting for that would put the query behind slower ones. From then on it runs prepared, which saves planning.
/// Behind a pooler it is never prepared: the statement would be in another session.
async fn start(pooled: &PooledConnection, sql: &Arc<str>, values: Values<'_>) -> Result<RowStream, Error> {
    let client = pooled.connection.client();
    let unprepared = || client.query_typed_raw(sql, values.map(|values| (values, Type::TEXT_ARRAY)));
    if pooled.transaction.is_some() {
        return unprepared().await;
    }
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
async fn set_search_path(pooled: &PooledConnection, schemas: &[String]) -> Result<(), Error> {
    if schemas.is_empty() {
        return Ok(());
    }
    pooled.count(1);
    pooled.connection.client().batch_execute(&format!("SET search_path TO {}", search_path(schemas))).await
}

/// Restores the search path that the session started with.
async fn reset_search_path(pooled: &PooledConnection, schemas: &[String]) -> Result<(), Error> {
    if schemas.is_empty() {
        return Ok(());
    }
    pooled.count(1);
    pooled.connection.client().batch_execute("RESET search_path").await
}

/// These schemas after `pg_catalog`, as a list. Temporary objects come last: PostgreSQL searches them first if the list does
/// not name them.
fn search_path(schemas: &[String]) -> String {
    let quoted =
        schemas.iter().filter(|name| *name != "pg_temp").map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    let list: Vec<String> =
        std::iter::once("pg_catalog".to_owned()).chain(quoted).chain(["pg_temp".to_owned()]).collect();
    list.join(", ")
}
