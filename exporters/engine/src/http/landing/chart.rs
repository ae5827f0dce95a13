//! The last scrapes as a picture: how long each took of its timeout, and below how many series it returned.

use std::fmt::Write;
use std::time::Duration;

use maud::{Markup, html};

use crate::http::humanize::{duration, grouped};
use crate::scrape::{Outcome, REMEMBERED, Scrape};

/// All times below this have the same height.
const FLOOR_SECONDS: f64 = 0.001;
/// Units of the picture: its height, the width of one scrape, where times end, where series begin and end.
const HEIGHT: f64 = 92.0;
const STEP: f64 = 10.0;
const TIMES_BOTTOM: f64 = 61.0;
const SERIES_TOP: f64 = 70.0;
const SERIES_BOTTOM: f64 = 91.0;

/// Scrapes of one server, the oldest first.
pub(super) fn chart(scrapes: &[(&Scrape, &Outcome)]) -> Markup {
    let Some((newest, _)) = scrapes.last() else { return html! {} };
    let slowest = scrapes.iter().flat_map(|(scrape, outcome)| [scrape.allowed, outcome.took]).max();
    let scale = Scale { top_seconds: slowest.unwrap_or_default().as_secs_f64().max(FLOOR_SECONDS * 10.0) };
    let words = in_words(scrapes);
    html! {
        figure {
            div {
                (picture(scrapes, &scale, &words))
                @for seconds in scale.lines() {
                    (label(scale.y(seconds), &duration(Duration::from_secs_f64(seconds)).replace(".0", "")))
                }
                (label(SERIES_TOP + 4.0, "series"))
            }
            figcaption { (words) ", the latest " (duration(newest.at.elapsed())) " ago" }
        }
    }
}

fn picture(scrapes: &[(&Scrape, &Outcome)], scale: &Scale, words: &str) -> Markup {
    let width = STEP * REMEMBERED as f64;
    // The newest is at the right edge.
    let left = STEP * REMEMBERED.saturating_sub(scrapes.len()) as f64;
    let most = scrapes.iter().map(|(_, outcome)| outcome.series).max().unwrap_or_default().max(1) as f64;
    let limits = steps(left, scrapes.iter().map(|(scrape, _)| scale.y(scrape.allowed.as_secs_f64())));
    let height = |series: usize| (SERIES_BOTTOM - SERIES_TOP) * series as f64 / most;
    let series = steps(left, scrapes.iter().map(|(_, outcome)| SERIES_BOTTOM - height(outcome.series)));
    html! {
        svg role="img" aria-label=(words) preserveAspectRatio="none" viewBox=(format!("0 0 {width} {HEIGHT}")) {
            @for seconds in scale.lines() {
                path.grid d=(format!("M0 {:.1}H{width}", scale.y(seconds))) {}
            }
            @for (at, (scrape, outcome)) in scrapes.iter().enumerate() {
                (bar(left + STEP * at as f64, scale, scrape, outcome))
            }
            path.limit d=(limits) {}
            path.series d=(format!("{series}V{SERIES_BOTTOM}H{left}Z")) {}
        }
    }
}

/// A path from `left` on: one level for each scrape.
fn steps(left: f64, levels: impl Iterator<Item = f64>) -> String {
    let mut path = String::new();
    for (at, y) in levels.enumerate() {
        let begin = if at == 0 { format!("M{left} {y:.1}") } else { format!("V{y:.1}") };
        // Writing to a String cannot fail, here and below.
        write!(path, "{begin}H{}", left + STEP * (at + 1) as f64).ok();
    }
    path
}

/// Text beside the picture: in it, it would be stretched.
fn label(y: f64, text: &str) -> Markup {
    html! { i style=(format!("top:{:.1}%", 100.0 * y / HEIGHT)) { (text) } }
}

fn bar(x: f64, scale: &Scale, scrape: &Scrape, outcome: &Outcome) -> Markup {
    let y = scale.y(outcome.took.as_secs_f64());
    let height = format!("{:.1}", TIMES_BOTTOM - y + 1.0);
    html! {
        rect class=(class(scrape, outcome)) x=(x + 1.5) y=(format!("{y:.1}")) width="7" height=(height) {
            title { (tooltip(scrape, outcome)) }
        }
    }
}

fn tooltip(scrape: &Scrape, outcome: &Outcome) -> String {
    let (age, took, allowed) = (duration(scrape.at.elapsed()), duration(outcome.took), duration(scrape.allowed));
    let mut text = format!("{age} ago: {took} of {allowed}, {} series", grouped(outcome.series));
    if !outcome.up {
        text.push_str(", server down");
    }
    if outcome.failed > 0 {
        write!(text, ", {} of {} collectors failed", outcome.failed, outcome.planned).ok();
    }
    text
}

fn class(scrape: &Scrape, outcome: &Outcome) -> &'static str {
    match () {
        () if !outcome.up => "bad",
        () if outcome.failed > 0 || outcome.took >= scrape.allowed => "warn",
        () => "ok",
    }
}

/// The picture in words, for screen readers.
fn in_words(scrapes: &[(&Scrape, &Outcome)]) -> String {
    let mut took: Vec<Duration> = scrapes.iter().map(|(_, outcome)| outcome.took).collect();
    took.sort();
    let count = |of: &dyn Fn(&Scrape, &Outcome) -> bool| scrapes.iter().filter(|(scrape, one)| of(scrape, one)).count();
    let mut words = match took.as_slice() {
        [] => return String::new(),
        [only] => format!("One scrape so far, {}", duration(*only)),
        [least, .., most] => {
            let median = duration(took[took.len() / 2]);
            format!("{} scrapes: {} to {}, median {median}", took.len(), duration(*least), duration(*most))
        }
    };
    for (many, what) in [
        (count(&|_, one| !one.up), "with the server down"),
        (count(&|_, one| one.up && one.failed > 0), "with failed collectors"),
        (count(&|scrape, one| one.took >= scrape.allowed), "that reached their timeout"),
    ] {
        if many > 0 {
            write!(words, ", {many} {what}").ok();
        }
    }
    words
}

/// Seconds to heights, by their logarithm: a timeout and a scrape from the cache are three orders of magnitude apart.
struct Scale {
    top_seconds: f64,
}

impl Scale {
    fn y(&self, seconds: f64) -> f64 {
        let part = (seconds.max(FLOOR_SECONDS) / FLOOR_SECONDS).ln() / (self.top_seconds / FLOOR_SECONDS).ln();
        // A line on top stays inside.
        1.0 + (TIMES_BOTTOM - 1.0) * (1.0 - part)
    }

    /// Where there are lines.
    fn lines(&self) -> impl Iterator<Item = f64> {
        let top = self.top_seconds;
        [0.01, 0.1, 1.0, 10.0, 100.0].into_iter().filter(move |seconds| *seconds < top)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn scrape(milliseconds: u64, up: bool, failed: usize) -> (Scrape, Outcome) {
        let took = Duration::from_millis(milliseconds);
        let outcome = Outcome { took, up, planned: 9, failed, fetched: 9, series: 100 };
        let allowed = Duration::from_secs(10);
        (Scrape { at: Instant::now(), allowed, bytes: 1, gzip: false, servers: Vec::new() }, outcome)
    }

    #[test]
    fn scales_heights_by_logarithm() {
        let scale = Scale { top_seconds: 10.0 };
        let y = [0.0, 0.001, 0.01, 0.1, 1.0, 10.0].map(|seconds| scale.y(seconds).round());
        assert_eq!(y, [61.0, 61.0, 46.0, 31.0, 16.0, 1.0]);
        assert_eq!(scale.lines().collect::<Vec<_>>(), [0.01, 0.1, 1.0]);
    }

    #[test]
    fn gives_the_picture_a_text_alternative() {
        let scrapes = [scrape(4, true, 0), scrape(8, true, 2), scrape(5, true, 0), scrape(10_000, false, 9)];
        let scrapes: Vec<_> = scrapes.iter().map(|(scrape, outcome)| (scrape, outcome)).collect();
        let expected = "4 scrapes: 4.0 ms to 10 s, median 8.0 ms, 1 with the server down, \
                        1 with failed collectors, 1 that reached their timeout";
        assert_eq!(in_words(&scrapes), expected);
        let page = chart(&scrapes).into_string();
        let bars = ["ok", "warn", "bad"].map(|class| page.matches(&format!("<rect class=\"{class}\" ")).count());
        assert_eq!(bars, [2, 1, 1]);
    }
}
