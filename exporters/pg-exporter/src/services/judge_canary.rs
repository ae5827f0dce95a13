//! What is wrong with a canary. Pure.

use std::time::Duration;

use engine::Reason;

use super::canary_row::CanaryRow;
use super::failure::Failure;
use super::hop::Hop;
use super::judge::Problem;
use super::table_name::TableName;

const COLUMNS: &str = ": the table needs the columns service (its primary key), number and written";

/// What was done with a canary's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CanaryStep {
    Read,
    Write,
}

/// Why a row could not be read or written.
pub(super) fn judge_canary_failure(step: CanaryStep, table: &TableName, failure: &Failure) -> Problem {
    let message = failure.message.as_str();
    let tried = match step {
        CanaryStep::Read => format!("reading from table {table}"),
        CanaryStep::Write => format!("writing to table {table}"),
    };
    let advice = match failure.sqlstate.as_deref() {
        Some("42P01" | "3F000") => ": create it in the database of the service's url",
        Some("42501") => ": grant USAGE on the schema, and SELECT, INSERT and UPDATE on the table",
        Some("25006") => ": is default_transaction_read_only set for the user of the service's url?",
        Some("42703" | "42P10" | "42804" | "22P02") => COLUMNS,
        None if failure.reason == Reason::Shape => COLUMNS,
        None if failure.reason == Reason::Timeout && step == CanaryStep::Write => {
            ": does the commit wait for a synchronous standby, or is the row locked?"
        }
        _ => "",
    };
    Problem::new(Hop::Canary, format!("{tried}: {message}{advice}"))
}

/// What was lost, if the `last` confirmed write is not there any more.
pub(super) fn judge_loss(last: Option<i64>, found: Option<CanaryRow>) -> Option<String> {
    let last = last?;
    let found = match found {
        Some(row) if row.number >= last => return None,
        Some(row) => format!("the row has number {} instead", row.number),
        None => "there is no row".to_owned(),
    };
    Some(format!(
        "write {last} was committed and is not there, {found}: did a failover lose data, or another cluster take over?"
    ))
}

/// Whether a write is not visible that was `due`: one that was confirmed at least `limit` ago.
pub(super) fn judge_visibility(
    of: &str,
    due: Option<i64>,
    limit: Duration,
    found: Option<CanaryRow>,
) -> Option<Problem> {
    let due = due?;
    let limit = limit.as_secs_f64();
    let found = match found {
        Some(row) if row.number >= due => return None,
        Some(row) => format!("the newest one here is {}", row.number),
        None => "there is no row here".to_owned(),
    };
    Some(Problem::new(
        Hop::Canary,
        format!("write {due} on service {of} was committed more than {limit} s ago and is not visible, {found}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: i64) -> Option<CanaryRow> {
        Some(CanaryRow { number, written: 1.0 })
    }

    #[test]
    fn each_failure_says_what_to_do() {
        let table = TableName::parse("monitor.canary").unwrap();
        let said = |step, sqlstate: Option<&str>, reason| {
            let failure = Failure { sqlstate: sqlstate.map(str::to_owned), reason, ..Failure::of_shape("it failed") };
            let problem = judge_canary_failure(step, &table, &failure);
            assert_eq!(problem.hop, Hop::Canary);
            assert!(problem.message.contains("monitor.canary: it failed"), "{}", problem.message);
            problem.message
        };
        for (step, sqlstate, reason, words) in [
            (CanaryStep::Read, Some("42P01"), Reason::Sql, "create it"),
            (CanaryStep::Write, Some("42501"), Reason::Sql, "grant USAGE"),
            (CanaryStep::Write, Some("25006"), Reason::Sql, "default_transaction_read_only"),
            (CanaryStep::Write, Some("42P10"), Reason::Sql, "the table needs the columns"),
            (CanaryStep::Read, None, Reason::Shape, "the table needs the columns"),
            (CanaryStep::Write, None, Reason::Timeout, "synchronous standby"),
            (CanaryStep::Read, None, Reason::Timeout, "reading from table"),
            (CanaryStep::Write, Some("57P01"), Reason::Sql, "writing to table"),
        ] {
            assert!(said(step, sqlstate, reason).contains(words), "{sqlstate:?}");
        }
        assert!(!said(CanaryStep::Write, Some("57P01"), Reason::Sql).contains("columns"));
        assert!(!said(CanaryStep::Read, None, Reason::Timeout).contains("standby"));
    }

    #[test]
    fn a_write_is_lost_if_its_row_is_gone_or_older() {
        assert_eq!(
            (judge_loss(None, None), judge_loss(Some(7), row(7)), judge_loss(Some(7), row(9))),
            (None, None, None)
        );
        assert!(judge_loss(Some(7), row(6)).unwrap().contains("number 6 instead"));
        assert!(judge_loss(Some(7), None).unwrap().contains("there is no row"));
    }

    #[test]
    fn a_write_that_is_due_has_to_be_visible() {
        let judge = |due, found| judge_visibility("rw", due, Duration::from_secs(30), found);
        assert_eq!((judge(None, None), judge(Some(7), row(7)), judge(Some(7), row(8))), (None, None, None));
        let problem = judge(Some(7), row(6)).unwrap();
        let said =
            "write 7 on service rw was committed more than 30 s ago and is not visible, the newest one here is 6";
        assert_eq!((problem.hop, problem.message.as_str()), (Hop::Canary, said));
        assert!(judge(Some(7), None).unwrap().message.ends_with("there is no row here"));
    }
}
