//! Functions for filters about positions in the WAL; their result is null for text of another form.

use jaq_core::native::{Fun, bome, run, unary, v};
use jaq_core::{Cv, RunPtr, ValXs};
use jaq_json::Val;
use jq::Interruptible;
use jq::json::int;

use crate::wal;

/// `lsn_bytes`: a position as bytes; `segment_position($size)`: where a segment begins, as bytes; `timeline`: its timeline.
pub(crate) fn functions() -> Vec<Fun<Interruptible>> {
    let functions: [(&str, usize, RunPtr<Interruptible>); 3] =
        [("lsn_bytes", 0, lsn_bytes), ("timeline", 0, timeline), ("segment_position", 1, segment_position)];
    let native = |(name, arguments, function)| run::<Interruptible>((name, v(arguments), function));
    functions.into_iter().map(native).collect()
}

fn lsn_bytes<'a>((_, lsn): Cv<'a, Interruptible>) -> ValXs<'a, Val> {
    bome(Ok(of_text(&lsn, wal::lsn_bytes)))
}

fn timeline<'a>((_, segment): Cv<'a, Interruptible>) -> ValXs<'a, Val> {
    bome(Ok(of_text(&segment, wal::timeline)))
}

fn segment_position<'a>(cv: Cv<'a, Interruptible>) -> ValXs<'a, Val> {
    unary(cv, |segment, size| {
        let size: Option<u64> = size.to_string().parse().ok();
        Ok(of_text(&segment, |name| wal::segment_position(name, size?)))
    })
}

fn of_text(value: &Val, read: impl FnOnce(&str) -> Option<u64>) -> Val {
    let text = if let Val::TStr(bytes) = value { str::from_utf8(bytes).ok() } else { None };
    text.and_then(read).map_or(Val::Null, int)
}
