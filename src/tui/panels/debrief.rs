//! After the end: the verdict, what it rests on, how it came back, and where the report is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::clock::say;
use crate::findings::{Findings, JudgedFinding};
use crate::run::verdicts::Standing;
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, head, lines, row, split, wrap};
use crate::tui::panels::{timeline, verdict};
use crate::tui::scene::Scene;
use crate::tui::theme::{Theme, sign};
use crate::wording::live;

/// Draws it.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let findings = Findings::of(scene.run);
    let mut rest = banner(scene, &findings, area, buffer);
    let criteria = findings.criteria.len() + findings.proof.len() + findings.stops.len();
    let criteria = u16::try_from(criteria + 1).unwrap_or(u16::MAX);
    let wide = rest.width >= 100;
    let (left, right) = if wide {
        let half = (rest.width - 3) * 11 / 20;
        (Rect { width: half, ..rest }, Rect { x: rest.x + half + 3, width: rest.width - half - 3, ..rest })
    } else {
        (rest, rest)
    };
    let (top, below) = split(left, criteria.min(left.height));
    judged(scene, &findings, top, buffer);
    let below = if below.height > 4 { split(below, 1).1 } else { below };
    let (faults, below) = split(below, recoveries_want(&findings).min(below.height));
    recoveries(theme, &findings, faults, buffer);
    rest = if wide {
        right
    } else if below.height > 3 {
        split(below, 1).1
    } else {
        below
    };
    if rest.height > 1 {
        timeline::draw(scene, rest, buffer);
    }
}

/// The verdict in large letters, the hypothesis and where the report is beside it or below.
fn banner(scene: &Scene<'_>, findings: &Findings, area: Rect, buffer: &mut Buffer) -> Rect {
    let theme = scene.theme;
    let style = verdict::style(theme, findings.verdict);
    let large = area.height >= 14;
    let word = verdict::word(findings.verdict);
    let mut top = if large { split(area, 1).1 } else { area };
    let letters = u16::try_from(word.chars().count() * 5).unwrap_or(0) + 3;
    let beside = large && area.width >= letters + 40;
    let mut text: Vec<(String, ratatui::style::Style)> = Vec::new();
    let (_, safety) = live::safety(scene.run, scene.now);
    let sign_of = match findings.verdict {
        crate::effect::Verdict::Held => sign(Standing::Held),
        crate::effect::Verdict::Inconclusive => sign(Standing::Unknown),
        _ => sign(Standing::Broken),
    };
    text.push((format!("{sign_of} {}: {}", findings.verdict_text, findings.hypothesis), style));
    if let Some(why) = &findings.why {
        text.push((Untrusted::from(why.as_str()).to_string(), theme.text));
    }
    text.push((format!("{safety}; took {}", say(std::time::Duration::from_secs_f64((findings.took_ms / 1000.0).max(0.0)))), theme.text));
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

fn judged(scene: &Scene<'_>, findings: &Findings, area: Rect, buffer: &mut Buffer) {
    let theme = scene.theme;
    let inner = head(buffer, area, theme, "criteria", None);
    let rows: Vec<(&JudgedFinding, &'static str)> = findings
        .criteria
        .iter()
        .map(|found| (found, ""))
        .chain(findings.proof.iter().map(|found| (found, "steady again: ")))
        .chain(findings.stops.iter().map(|found| (found, "stop if: ")))
        .collect();
    let names: Vec<String> = rows.iter().map(|(found, prefix)| format!("{prefix}{}", found.name)).collect();
    let widest = names.iter().map(|name| cells::width(name)).max().unwrap_or(0).min(inner.width / 2) + 2;
    let run = scene.run;
    let margins: Vec<String> = run
        .criteria()
        .map(|(criterion, judged)| live::margin(run, criterion, judged, scene.now))
        .chain(rows.iter().skip(run.scenario().criteria.len()).map(|(found, _)| found.evidence.clone()))
        .collect();
    for (index, ((found, _), name)) in rows.iter().zip(&names).enumerate() {
        let standing = match found.verdict {
            "held" | "not tripped" => Standing::Held,
            "broken" | "tripped" => Standing::Broken,
            "pending" => Standing::Pending,
            _ => Standing::Unknown,
        };
        let mut pen = Pen::new(buffer, row(inner, u16::try_from(index).unwrap_or(u16::MAX)));
        let style = theme.standing(standing);
        pen.put(sign(standing), style).skip(1).cell(found.verdict, 13, style).cell(name, widest, theme.text);
        pen.put(margins.get(index).map_or("", String::as_str), theme.quiet);
    }
}

fn recoveries_want(findings: &Findings) -> u16 {
    let lines: usize = findings.faults.iter().map(|fault| 2 + fault.waterfalls.len().min(4)).sum();
    u16::try_from(lines + 1).unwrap_or(u16::MAX)
}

fn recoveries(theme: &Theme, findings: &Findings, area: Rect, buffer: &mut Buffer) {
    if area.height < 2 {
        return;
    }
    let inner = head(buffer, area, theme, "recovery", None);
    let mut at = 0;
    for fault in &findings.faults {
        Pen::new(buffer, row(inner, at)).put(&format!("{}: {}", fault.step, fault.recovery), theme.text);
        Pen::new(buffer, row(inner, at + 1)).put(&format!("{}, {}", fault.what, fault.state), theme.quiet);
        at += 2;
        for fall in fault.waterfalls.iter().take(4) {
            let last = |name: &str| name.rsplit('-').next().unwrap_or(name).to_owned();
            let stages: Vec<String> =
                fall.stages.iter().skip(1).filter_map(|(stage, ms)| ms.map(|ms| format!("{stage} {:.2} s", ms / 1000.0))).collect();
            let to = fall.replacement.as_deref().map_or_else(|| "nobody".to_owned(), last);
            Pen::new(buffer, row(inner, at)).put(&format!("{} → {to}: {}", last(&fall.victim), stages.join(", ")), theme.quiet);
            at += 1;
        }
    }
}
