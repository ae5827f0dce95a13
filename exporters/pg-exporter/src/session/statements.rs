//! Runs statements on a pooled connection.

use std::sync::Arc;

use futures_util::{StreamExt, join, pin_mut};
use postgres_types::Type;
use tokio_postgres::{Error, Row, RowStream};

use crate::pool::pooled_connection::PooledConnection;

/// The argument of a query, if it has one: a list of texts.
pub(super) type Values<'a> = Option<&'a Vec<String>>;

/// The column names and rows of a query.
pub(super) async fn rows(
    pooled: &PooledConnection,
    sql: &Arc<str>,
    values: Values<'_>,
) -> Result<(Vec<String>, Vec<Row>), Error> {
    let stream = start(pooled, sql, values).await?;
    pin_mut!(stream);
    let mut rows: Vec<Row> = Vec::new();
    while let Some(row) = stream.next().await {
        rows.push(row?);
    }
    let columns = rows.first().map(|row| row.columns().iter().map(|column| column.name().to_owned()).collect());
    Ok((columns.unwrap_or_default(), rows))
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
