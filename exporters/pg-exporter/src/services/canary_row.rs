//! The row of a canary: how it is read and written. One statement each by the simple protocol, so that it also runs in a pool
//! of statements.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pgclient::Connection;
use tokio::time::{Instant, timeout};
use tokio_postgres::SimpleQueryMessage;

use super::failure::Failure;
use super::table_name::TableName;

/// How long a request to cancel a statement may take.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(1);

const NO_NUMBER: &str = "the row has no number or no time";

/// The row that one service has in the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CanaryRow {
    /// Grows with each write.
    pub number: i64,
    /// When it was written by the exporter's clock, in Unix seconds.
    pub written: f64,
}

/// A write, committed or not.
#[derive(Debug)]
pub(super) struct CanaryWrite {
    pub took: Duration,
    pub result: Result<CanaryRow, Failure>,
}

/// Reads the row of a service; `None` if there is none.
pub(super) async fn read(
    connection: &Connection,
    table: &TableName,
    service: &str,
    limit: Duration,
) -> Result<Option<CanaryRow>, Failure> {
    let messages = ask(connection, &select(table, service), limit).await?;
    let Some(cells) = first_row(&messages) else { return Ok(None) };
    row(&cells).map(Some).ok_or_else(|| Failure::of_shape(NO_NUMBER))
}

/// Writes the row with this number, or a larger one if another exporter was faster, and returns what was committed.
pub(super) async fn write(
    connection: &Connection,
    table: &TableName,
    service: &str,
    number: i64,
    limit: Duration,
) -> CanaryWrite {
    let row = CanaryRow { number, written: unix_now() };
    let began = Instant::now();
    let answer = ask(connection, &upsert(table, service, row), limit).await;
    let took = began.elapsed();
    let committed = |messages: Vec<SimpleQueryMessage>| {
        let number = first_row(&messages)?.into_iter().next()??.parse().ok()?;
        Some(CanaryRow { number, ..row })
    };
    let result = answer.and_then(|messages| committed(messages).ok_or_else(|| Failure::of_shape(NO_NUMBER)));
    CanaryWrite { took, result }
}

/// The time by the exporter's clock, in Unix seconds.
pub(super) fn unix_now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn select(table: &TableName, service: &str) -> String {
    let table = table.quoted();
    format!("SELECT number, extract(epoch FROM written) FROM {table} WHERE service = '{service}'")
}

fn upsert(table: &TableName, service: &str, row: CanaryRow) -> String {
    let (table, CanaryRow { number, written }) = (table.quoted(), row);
    format!(
        "INSERT INTO {table} AS canary (service, number, written)\n\
         VALUES ('{service}', {number}, pg_catalog.to_timestamp({written:.6}))\n\
         ON CONFLICT (service) DO UPDATE\n\
         SET number = greatest(canary.number + 1, excluded.number), written = excluded.written\n\
         RETURNING number"
    )
}

/// The answer to one statement.
async fn ask(connection: &Connection, sql: &str, limit: Duration) -> Result<Vec<SimpleQueryMessage>, Failure> {
    match timeout(limit, connection.client().simple_query(sql)).await {
        Ok(answer) => answer.map_err(|error| Failure::of_query(&error)),
        Err(_) => {
            // A commit that waits for a standby goes on after its client has left, and would keep the only connection.
            connection.cancel(CANCEL_TIMEOUT).await.ok();
            Err(Failure::of_silence(limit))
        }
    }
}

fn first_row(messages: &[SimpleQueryMessage]) -> Option<Vec<Option<String>>> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.try_get(at).ok().flatten().map(str::to_owned)).collect())
        }
        _ => None,
    })
}

fn row(cells: &[Option<String>]) -> Option<CanaryRow> {
    let [Some(number), Some(written)] = cells else { return None };
    Some(CanaryRow { number: number.parse().ok()?, written: written.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_times_exact() {
        let table = TableName::parse("monitor.canary").unwrap();
        let sql = upsert(&table, "orders-rw", CanaryRow { number: 7, written: 1_800_000_000.25 });
        assert!(sql.contains("INTO \"monitor\".\"canary\" AS canary"), "{sql}");
        assert!(sql.contains("('orders-rw', 7, pg_catalog.to_timestamp(1800000000.250000))"), "{sql}");
        assert!(select(&table, "orders-rw").ends_with("FROM \"monitor\".\"canary\" WHERE service = 'orders-rw'"));
    }

    #[test]
    fn a_row_without_its_values_is_none() {
        let cells = |number: &str, written: &str| row(&[Some(number.to_owned()), Some(written.to_owned())]);
        assert_eq!(cells("7", "1.5"), Some(CanaryRow { number: 7, written: 1.5 }));
        assert_eq!((cells("7", "x"), row(&[Some("7".to_owned()), None]), row(&[])), (None, None, None));
    }
}
