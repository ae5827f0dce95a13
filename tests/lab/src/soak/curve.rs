//! The curves of a soak as a picture.

use std::fmt::Write as _;

use super::sample::{Second, most};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 34.0;
/// Points of a curve: more of them nobody sees.
const POINTS: usize = 480;

/// A curve: title, colour, value.
type Curve = (&'static str, &'static str, fn(&Second) -> f64);

const CURVES: [Curve; 4] = [
    ("Resident memory of the exporter (MiB)", "#1f60c4", |one| one.memory_mib),
    ("Open descriptors", "#37872d", |one| one.descriptors as f64),
    ("Sessions on a server", "#8f3bb8", |one| one.sessions as f64),
    ("Slowest answer of each second (ms)", "#c15c17", |one| one.slowest_ms),
];

/// The picture; restarts and switchovers are lines at their seconds.
pub fn svg(seconds: &[Second], restarts: &[u64], switchovers: &[u64]) -> String {
    let last = seconds.last().cloned().unwrap_or_default();
    let height = TOP + CURVES.len() as f64 * (HEIGHT + TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{} scrapes in {} s; {} restarts (grey), {} switchovers (red)</text>\n",
        LEFT + WIDTH + 20.0,
        last.scrapes,
        last.second,
        restarts.len(),
        switchovers.len()
    );
    for (number, curve) in CURVES.iter().enumerate() {
        let top = 2.0 * TOP + number as f64 * (HEIGHT + TOP);
        let x = |second: u64| LEFT + WIDTH * second as f64 / last.second.max(1) as f64;
        for (events, colour) in [(restarts, "#dddddd"), (switchovers, "#e89a9a")] {
            for x in events.iter().map(|second| x(*second)) {
                line(&mut svg, [x, top, x, top + HEIGHT], colour);
            }
        }
        plot(&mut svg, seconds, curve, top);
    }
    svg + "</svg>\n"
}

fn plot(svg: &mut String, seconds: &[Second], (title, colour, value): &Curve, top: f64) {
    let highest = most(seconds, *value).max(1.0);
    let end = seconds.last().map_or(1, |last| last.second.max(1)) as f64;
    let bottom = top + HEIGHT;
    line(svg, [LEFT, bottom, LEFT + WIDTH, bottom], "#888888");
    line(svg, [LEFT, top, LEFT, bottom], "#888888");
    let size = seconds.len().div_ceil(POINTS).max(1);
    // Of the seconds of a point the highest counts.
    let point = |part: &[Second]| {
        let at = LEFT + WIDTH * part[0].second as f64 / end;
        format!("{at:.1},{:.1}", bottom - HEIGHT * most(part, *value) / highest)
    };
    let points: Vec<String> = seconds.chunks(size).map(point).collect();
    // Writing to a text cannot fail.
    writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.0}\">{title}</text>\n\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{highest:.0}</text>\n\
         <text x=\"{:.0}\" y=\"{bottom:.0}\" text-anchor=\"end\">0</text>\n\
         <polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>",
        top - 8.0,
        LEFT - 6.0,
        top + 10.0,
        LEFT - 6.0,
        points.join(" ")
    )
    .ok();
}

fn line(svg: &mut String, [x1, y1, x2, y2]: [f64; 4], colour: &str) {
    // Writing to a text cannot fail.
    writeln!(svg, "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\"/>").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_curve_for_each_figure_and_a_line_for_each_event() {
        let second = |second| Second { second, scrapes: 10 * second, memory_mib: 20.0, ..Second::default() };
        let seconds: Vec<Second> = (0..1000).map(second).collect();
        let picture = svg(&seconds, &[10, 20], &[30]);
        assert_eq!(picture.matches("<polyline").count(), CURVES.len());
        assert_eq!(picture.matches("#dddddd").count(), 2 * CURVES.len());
        assert_eq!(picture.matches("#e89a9a").count(), CURVES.len());
        assert!(picture.contains("9990 scrapes in 999 s") && picture.len() < 40_000);
    }
}
