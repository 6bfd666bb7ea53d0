//! After the end: the verdict, what it rests on, how it came back, and where the report is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::clock::say;
use crate::findings::{Findings, JudgedFinding};
use crate::run::timeline::List;
use crate::run::verdicts::Standing;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, head, lines, row, split, wrap};
use crate::tui::charts;
use crate::tui::panels::{metrics, recovery, timeline, verdict};
use crate::tui::scene::Scene;
use crate::tui::theme::{Theme, sign};
use crate::wording::{live, margin, why};

/// The least height that charts have here.
const CHART: u16 = 8;

/// Draws it; says whether there is room for the timeline.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) -> bool {
    let (findings, theme) = (Findings::of(scene.run), scene.theme);
    let mut rest = banner(scene, &findings, area, buffer);
    let wide = rest.width >= 100;
    let (left, right) = if wide {
        let half = (rest.width - 3) * 3 / 5;
        (Rect { width: half, ..rest }, Rect { x: rest.x + half + 3, width: rest.width - half - 3, ..rest })
    } else {
        (rest, rest)
    };
    let (top, below) = split(left, judged_want(&findings).min(left.height));
    judged(scene, &findings, top, buffer);
    let below = split(below, 1).1;
    let (middle, below) = split(below, if scene.fault().is_some() && below.height > 2 { recovery::WANT } else { 0 });
    recovery::draw(scene, middle, buffer);
    let whys = if middle.height > 0 { scene.run.whys() } else { Vec::new() };
    let told: Vec<String> = whys.iter().flat_map(|why| wrap(&why::line(scene.run, why, scene.now), below.width, 3)).collect();
    let below = split(below, lines(buffer, below, &told, theme.pending)).1;
    if wide {
        evidence(scene, split(below, 1).1, buffer);
    }
    rest = if wide { right } else { split(below, 1).1 };
    let told = rest.height > 2;
    if told {
        timeline::draw(scene, rest, buffer);
    }
    told
}

/// The charts, as far as there is room for any.
fn evidence(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let charts = charts::all(scene.run);
    if area.height >= CHART && !charts.is_empty() {
        metrics::draw(scene, &charts, area, buffer);
    }
}

/// The verdict in large letters, the hypothesis and where the report is beside it or below.
fn banner(scene: &Scene<'_>, findings: &Findings, area: Rect, buffer: &mut Buffer) -> Rect {
    let theme = scene.theme;
    let style = verdict::style(theme, findings.verdict);
    let large = area.height >= 14;
    let word = verdict::word(findings.verdict);
    let mut top = if large { split(area, 1).1 } else { area };
    let letters = verdict::width(word).saturating_add(4);
    let beside = large && area.width >= letters.saturating_add(40);
    let mut text: Vec<(String, ratatui::style::Style)> = Vec::new();
    let (_, safety) = live::safety(scene.run, scene.now);
    text.push((format!("{} {}", verdict::sign(findings.verdict), findings.verdict_text), style));
    text.push((findings.hypothesis.clone(), theme.text));
    if let Some(why) = &findings.why {
        text.push((Untrusted::from(why.as_str()).to_string(), theme.text));
    }
    text.push((format!("{safety}; it took {}", say(std::time::Duration::from_secs_f64((findings.took_ms / 1000.0).max(0.0)))), theme.text));
    let report = match &scene.hands.report {
        Some(path) => format!("report: {}", Untrusted::from(path.as_str())),
        None => "the report is being written".to_owned(),
    };
    text.push((report, theme.accent));
    if large && verdict::draw(top, buffer, word, style) && !beside {
        top = split(top, verdict::HEIGHT + 1).1;
    }
    let column = if beside { Rect { x: top.x + letters, width: top.width - letters, ..top } } else { top };
    let mut used = 0;
    for (line, style) in &text {
        let room = Rect { y: column.y + used, height: column.height.saturating_sub(used), ..column };
        used += lines(buffer, room, &wrap(line, column.width, 2), *style);
    }
    let height = if beside { used.max(verdict::HEIGHT) } else { used };
    split(top, (height + 1).min(top.height)).1
}

/// The steady state proven again, if the run came so far.
fn proven(findings: &Findings) -> &[JudgedFinding] {
    if findings.proof.iter().all(|found| found.verdict == "pending") { &[] } else { &findings.proof }
}

/// The height of what was judged: three lists, each with its head and a row of space.
fn judged_want(findings: &Findings) -> u16 {
    let list = |n: usize| if n == 0 { 0 } else { n + 2 };
    let rows = list(findings.criteria.len()) + list(proven(findings).len()) + list(findings.stops.len());
    u16::try_from(rows).unwrap_or(u16::MAX).saturating_sub(1)
}

fn judged(scene: &Scene<'_>, findings: &Findings, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let of = |list: &[JudgedFinding], margins: Vec<String>| -> Vec<Row> {
        let row = |(found, margin): (&JudgedFinding, String)| Row { verdict: found.verdict, name: found.name.clone(), margin };
        list.iter().zip(margins).map(row).collect()
    };
    let steady = |index: usize| run.judged(List::Proof, index).map(|(_, judged)| judged);
    let proof = run.scenario().steady_state.iter().enumerate();
    let proof =
        proof.map(|(index, criterion)| steady(index).map_or_else(String::new, |judged| margin::margin(run, criterion, judged, scene.now)));
    let lists = [
        ("criteria", of(&findings.criteria, run.criteria().map(|(c, judged)| margin::margin(run, c, judged, scene.now)).collect())),
        ("steady again", of(proven(findings), proof.collect())),
        ("stop conditions", of(&findings.stops, run.stops().map(|(stop, judged)| margin::stop_margin(run, stop, judged)).collect())),
    ];
    let widest = lists.iter().flat_map(|(_, rows)| rows).map(|row| cells::width(&row.name)).max().unwrap_or(0).min(area.width / 2) + 2;
    let spaced = area.height >= judged_want(findings);
    let mut rest = area;
    for (title, rows) in lists.iter().filter(|(_, rows)| !rows.is_empty()) {
        let (top, below) = split(rest, u16::try_from(rows.len() + 1).unwrap_or(u16::MAX));
        let inner = head(buffer, top, theme, title, None);
        for (index, found) in rows.iter().enumerate() {
            found.draw(theme, widest, row(inner, u16::try_from(index).unwrap_or(u16::MAX)), buffer);
        }
        rest = if spaced { split(below, 1).1 } else { below };
    }
}

struct Row {
    verdict: &'static str,
    name: String,
    margin: String,
}

impl Row {
    fn draw(&self, theme: &Theme, widest: u16, area: Rect, buffer: &mut Buffer) {
        let standing = match self.verdict {
            "held" | "not tripped" => Standing::Held,
            "broken" | "tripped" => Standing::Broken,
            "pending" => Standing::Pending,
            _ => Standing::Unknown,
        };
        let style = theme.standing(standing);
        let mut pen = Pen::new(buffer, area);
        pen.put(sign(standing), style).skip(1).cell(self.verdict, 13, style).cell(&self.name, widest - 1, theme.text).skip(1);
        pen.put(&self.margin, theme.quiet);
    }
}
