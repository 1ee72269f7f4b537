//! A plot of the cost of a request, as SVG.
//! It must begin its axis at zero and show the spread, so that it exaggerates nothing.

use std::fmt::Write as _;

use super::number::short;
use crate::measure::{Results, Summary, Window, find_scenario};
use crate::peers::Kind;

/// The loads that are drawn.
const SCENARIOS: [&str; 3] = ["64B-20", "1KiB-100", "1KiB-1000"];
const WIDTH: f64 = 820.0;
const LABEL: f64 = 190.0;
/// Room for the figure behind a bar.
const FIGURE: f64 = 70.0;
const ROW: f64 = 24.0;
const BAR: f64 = 14.0;
const TITLE: f64 = 34.0;
const GAP: f64 = 14.0;
const OURS: &str = "#2f6fb2";
const THEIRS: &str = "#9aa5b1";

/// The plot; `None` where none of its loads was measured.
pub(super) fn render(results: &Results) -> Option<String> {
    let panels: Vec<_> = SCENARIOS.into_iter().filter_map(|name| panel(results, name)).collect();
    if panels.is_empty() {
        return None;
    }
    let height = panels.iter().map(|panel| TITLE + ROW * panel.bars.len() as f64 + GAP).sum::<f64>() + GAP;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let mut top = GAP;
    for panel in &panels {
        top = draw(&mut text, panel, top) + GAP;
    }
    text.push_str("</svg>\n");
    Some(text)
}

struct Panel {
    title: &'static str,
    bars: Vec<(Kind, Summary)>,
}

fn panel(results: &Results, name: &str) -> Option<Panel> {
    let title = find_scenario(name)?.title;
    let bar = |kind: Kind| Some((kind, results.figure(name, kind, Window::cost)?));
    let mut bars: Vec<_> = results.proxies(name).into_iter().filter_map(bar).collect();
    bars.sort_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
    (!bars.is_empty()).then_some(Panel { title, bars })
}

fn draw(text: &mut String, panel: &Panel, top: f64) -> f64 {
    let longest = panel.bars.iter().map(|(_, bar)| bar.maximum).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABEL - FIGURE) / longest;
    let _ = writeln!(
        text,
        "<text x=\"8\" y=\"{:.1}\" font-weight=\"bold\" fill=\"#222222\">{}: processor time a request, µs</text>",
        top + 16.0,
        panel.title
    );
    let mut middle = top + TITLE;
    for (kind, bar) in &panel.bars {
        draw_bar(text, *kind, bar, (middle, scale));
        middle += ROW;
    }
    middle
}

fn draw_bar(text: &mut String, kind: Kind, bar: &Summary, (middle, scale): (f64, f64)) {
    let colour = if kind.access_log().is_some() { OURS } else { THEIRS };
    let (length, least, most) =
        (bar.median * scale, LABEL + bar.minimum * scale, LABEL + bar.maximum * scale);
    let (baseline, upper) = (middle + 4.5, middle - BAR / 2.0);
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{baseline:.1}\" text-anchor=\"end\" fill=\"#222222\">{}</text>\n\
         <rect x=\"{LABEL}\" y=\"{upper:.1}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\n\
         <path d=\"M{least:.1} {middle:.1}H{most:.1}\" stroke=\"#222222\" stroke-width=\"1.5\"/>\n\
         <text x=\"{:.1}\" y=\"{baseline:.1}\" fill=\"#222222\">{}</text>",
        LABEL - 8.0,
        kind.title(),
        most + 8.0,
        short(bar.median)
    );
}
