//! Single cells: as part of a label set, as a number.

use super::drop_reason::DropReason;
use super::text::{Number, close_labels, write_label};
use crate::collector::Column;
use crate::rows::Value;

/// No label is longer: neither a scraper nor a person has use for it.
pub(crate) const LONGEST_LABEL: usize = 256 << 10;

/// Makes `set` the labels of a row as text, closed; empty if there are none.
pub(super) fn write_label_set(
    set: &mut Vec<u8>,
    labels: &[(usize, &Column)],
    row: &[Value<'_>],
    constant: &[(String, String)],
) -> Result<(), DropReason> {
    set.clear();
    for (cell, column) in labels {
        let value = row[*cell].label()?;
        if value.len() > LONGEST_LABEL {
            return Err(DropReason::Cap);
        }
        write_label(set, &column.exposed, &column.shown(&value));
    }
    // A label of the collector's own wins.
    for (name, value) in constant.iter().filter(|(name, _)| !labels.iter().any(|(_, column)| column.exposed == *name)) {
        write_label(set, name, value);
    }
    close_labels(set);
    Ok(())
}

/// The number that a cell stands for: `None` is no sample.
pub(super) fn number(value: &Value<'_>, column: &Column) -> Result<Option<Number>, DropReason> {
    let number = match value {
        Value::Null => match column.default {
            Some(default) => Number::Float(default),
            None => return Ok(None),
        },
        Value::Bool(value) => return Ok(Some(Number::Int(i64::from(*value)))),
        Value::Int(value) => Number::Int(*value),
        Value::Float(value) => Number::Float(*value),
        Value::Text(text) => {
            let text = text.trim();
            match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(value), _) => Number::Int(value),
                (_, Ok(value)) => Number::Float(value),
                _ => return Err(DropReason::Unreadable),
            }
        }
        Value::Invalid(broken) => return Err((*broken).into()),
    };
    Ok(Some(match (column.scale, number) {
        (None, number) => number,
        (Some(scale), Number::Int(value)) => Number::Float(value as f64 * scale),
        (Some(scale), Number::Float(value)) => Number::Float(value * scale),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collector::columns_of_test;
    use crate::rows::CellError;

    #[test]
    fn converts_cells_by_scale_and_default() {
        let columns = columns_of_test("- a: { usage: GAUGE }\n- b: { usage: GAUGE, scale: 1e-3, default: 7 }");
        let [plain, scaled] = columns.as_slice() else { panic!("two columns") };
        let text = |text: &'static str| Value::Text(text.into());
        for (value, column, expected) in [
            (Value::Null, plain, Ok(None)),
            (Value::Null, scaled, Ok(Some(Number::Float(0.007)))),
            (Value::Bool(true), scaled, Ok(Some(Number::Int(1)))),
            (Value::Int(i64::MAX), plain, Ok(Some(Number::Int(i64::MAX)))),
            (Value::Int(1500), scaled, Ok(Some(Number::Float(1.5)))),
            (text(" 42 "), plain, Ok(Some(Number::Int(42)))),
            (text("-Infinity"), plain, Ok(Some(Number::Float(f64::NEG_INFINITY)))),
            (text("nine"), plain, Err(DropReason::Unreadable)),
            (Value::Invalid(CellError::Utf8), plain, Err(DropReason::Utf8)),
        ] {
            assert_eq!(number(&value, column), expected, "{value:?}");
        }
    }

    #[test]
    fn prefers_the_collectors_label_over_a_constant_one() {
        let columns = columns_of_test("- a: { usage: LABEL }\n- b: { usage: LABEL }\n- c: { usage: GAUGE }");
        let labels: Vec<(usize, &Column)> = columns[..2].iter().enumerate().collect();
        let constant = [("b".to_owned(), "no".to_owned()), ("site".to_owned(), "x".to_owned())];
        let mut set = b"of the row before".to_vec();
        write_label_set(&mut set, &labels, &[Value::Null, Value::Bool(false), Value::Int(1)], &constant).unwrap();
        assert_eq!(String::from_utf8(set).unwrap(), "{a=\"\",b=\"false\",site=\"x\"}");
        let unreadable = [Value::Invalid(CellError::Utf8), Value::Null, Value::Null];
        assert_eq!(write_label_set(&mut Vec::new(), &labels, &unreadable, &[]), Err(DropReason::Utf8));
    }
}
