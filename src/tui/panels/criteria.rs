//! What must hold, with verdict and margin; what would end the run, with the distance to it.

mod trend;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::criterion::{Criterion, StopCheck};
use crate::run::phase::Phase;
use crate::run::verdicts::{Judged, Standing};
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, head, row};
use crate::tui::charts::{self, Chart};
use crate::tui::scene::Scene;
use crate::tui::theme::sign;
use crate::wording::{self, margin};

/// The height it wants, its head included.
#[must_use]
pub fn want(scene: &Scene<'_>) -> u16 {
    let scenario = scene.run.scenario();
    let steady = if proves(scene) { scenario.steady_state.len() } else { 0 };
    u16::try_from(1 + steady + scenario.criteria.len() + scenario.stop_when.len()).unwrap_or(u16::MAX)
}

/// The height that is kept for it: with the steady state, so that nothing jumps when the gate is passed.
#[must_use]
pub fn room(scene: &Scene<'_>) -> u16 {
    let scenario = scene.run.scenario();
    u16::try_from(1 + scenario.steady_state.len().min(3) + scenario.criteria.len() + scenario.stop_when.len()).unwrap_or(u16::MAX)
}

/// Whether the steady state is being proven.
fn proves(scene: &Scene<'_>) -> bool {
    matches!(scene.run.phase().0, Phase::Gate | Phase::Settling)
}

/// The verdict so far: how many stand as the worst of them, and its look.
#[must_use]
pub fn sum(scene: &Scene<'_>) -> (String, Style) {
    let (run, theme) = (scene.run, scene.theme);
    let count = |standing: Standing| run.criteria().filter(|(_, judged)| judged.standing == standing).count();
    let worst = [Standing::Broken, Standing::Unknown, Standing::Pending, Standing::Held].into_iter().find(|standing| count(*standing) > 0);
    match worst {
        None => ("none".to_owned(), theme.pending),
        Some(worst) => {
            let all = run.scenario().criteria.len();
            let some = count(worst);
            let note = if some == all {
                format!("{some} {}", wording::standing(worst))
            } else {
                format!("{some} of {all} {}", wording::standing(worst))
            };
            (note, if worst == Standing::Pending { theme.quiet } else { theme.standing(worst) })
        }
    }
}

/// Draws them.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (run, theme) = (scene.run, scene.theme);
    let (note, style) = sum(scene);
    let inner = head(buffer, area, theme, "criteria", Some((&note, style)));
    let charts = charts::all(run);
    let mut rows: Vec<Line> = Vec::new();
    if proves(scene) {
        rows.extend(run.steady().map(|(criterion, judged)| Line::of(scene, &charts, criterion, judged)));
    }
    rows.extend(run.criteria().map(|(criterion, judged)| Line::of(scene, &charts, criterion, judged)));
    rows.extend(run.stops().map(|(stop, judged)| Line::stop(scene, stop, judged)));
    let widest = rows.iter().map(|line| cells::width(&line.name)).max().unwrap_or(0);
    let name = widest.min(inner.width.saturating_sub(9) / 2) + 2;
    let room = usize::from(inner.height);
    let shown = if rows.len() > room { room.saturating_sub(1) } else { rows.len() };
    // where not all fit, the bad ones come first
    if shown < rows.len() {
        rows.sort_by_key(|line| std::cmp::Reverse(line.urgency));
    }
    let spare = rows.iter().filter(|line| line.trend.is_some()).map(|line| line.spare(name, inner.width)).min();
    let trend = spare.and_then(trend::width);
    for (index, line) in rows[..shown].iter().enumerate() {
        line.draw(scene, (name, trend), row(inner, u16::try_from(index).unwrap_or(u16::MAX)), buffer);
    }
    if shown < rows.len() {
        let text = format!("and {} more, none of them worse", rows.len() - shown);
        Pen::new(buffer, row(inner, u16::try_from(shown).unwrap_or(u16::MAX))).put(&text, theme.quiet);
    }
}

struct Line {
    sign: &'static str,
    word: &'static str,
    style: Style,
    name: String,
    margin: String,
    /// The distance to a stop condition, 0 far to 1 tripped, and its bound.
    distance: Option<(f64, String)>,
    urgency: u8,
    calm: bool,
    /// What its number is drawn from, beside it.
    trend: Option<Chart>,
}

/// How much a verdict must be seen where there is no room for all.
#[must_use]
pub const fn urgency(standing: Standing) -> u8 {
    match standing {
        Standing::Held => 0,
        Standing::Pending => 1,
        Standing::Unknown => 2,
        Standing::Broken => 4,
    }
}

impl Line {
    fn of(scene: &Scene<'_>, charts: &[Chart], criterion: &Criterion, judged: &Judged) -> Line {
        Line {
            sign: sign(judged.standing),
            word: wording::standing(judged.standing),
            style: if judged.standing == Standing::Pending && judged.bad_since.is_none() {
                scene.theme.quiet
            } else {
                scene.theme.standing(judged.standing)
            },
            name: Untrusted::from(criterion.name.as_str()).to_string(),
            margin: margin::margin(scene.run, criterion, judged, scene.now),
            distance: None,
            urgency: if judged.bad_since.is_some() { urgency(judged.standing).max(3) } else { urgency(judged.standing) },
            calm: judged.bad_since.is_none() || judged.standing != Standing::Pending,
            trend: trend::chart(scene, charts, criterion),
        }
    }

    fn stop(scene: &Scene<'_>, stop: &crate::criterion::StopCondition, judged: &Judged) -> Line {
        let run = scene.run;
        let tripped = judged.standing == Standing::Broken;
        let now = judged.latest.or_else(|| match stop.check {
            StopCheck::ReadyBelow(_) => run.fleet().targets.iter().filter_map(crate::run::fleet::Target::ready).min().map(f64::from),
            _ => None,
        });
        let (value, distance) = match (&stop.check, now) {
            (StopCheck::Burn(check), Some(spent)) => {
                let unit = crate::scenario::model::Unit::Percent;
                (wording::number(spent, unit), Some((spent / check.spend, wording::number(check.spend, unit))))
            }
            (StopCheck::RecoveryOver(limit), Some(taken)) => {
                let unit = crate::scenario::model::Unit::Seconds;
                let limit = limit.as_secs_f64();
                (wording::number(taken, unit), Some((taken / limit, wording::number(limit, unit))))
            }
            (StopCheck::Http(_) | StopCheck::Alert(_) | StopCheck::Object(_) | StopCheck::Command(_) | StopCheck::RecoveryOver(_), _)
                if judged.looked > 0 =>
            {
                (margin::stop(run, stop), None)
            }
            (StopCheck::Http(_) | StopCheck::Alert(_) | StopCheck::Object(_) | StopCheck::Command(_), Some(_)) | (_, None) => {
                ("not looked at".to_owned(), None)
            }
            (StopCheck::Promql(check), Some(value)) => {
                let unit = margin::unit(run, &check.query);
                let limit = check.bound.limit();
                let near = match check.bound {
                    crate::criterion::Bound::Above(_) if limit > 0.0 => value / limit,
                    crate::criterion::Bound::Below(_) if value > 0.0 => limit / value,
                    _ => 0.0,
                };
                (wording::number(value, unit), Some((near, wording::number(limit, unit))))
            }
            (StopCheck::ReadyBelow(amount), Some(value)) => {
                let desired = run.fleet().targets.first().and_then(crate::run::fleet::Target::desired).unwrap_or(0);
                let least = f64::from(amount.of(desired));
                let spare = (value - least + 1.0).max(0.0);
                let whole = (f64::from(desired) - least + 1.0).max(1.0);
                (format!("{value:.0} ready"), Some((1.0 - spare / whole, format!("< {least:.0}"))))
            }
        };
        let truth = judged.bad_since.filter(|_| !tripped);
        Line {
            sign: if tripped { "✗" } else { "○" },
            word: if tripped { "tripped" } else { "stop if" },
            style: match (tripped, truth.is_some()) {
                (true, _) => scene.theme.broken,
                (false, true) => scene.theme.pending,
                (false, false) => scene.theme.quiet,
            },
            name: Untrusted::from(stop.name.as_str()).to_string(),
            margin: value,
            distance,
            urgency: if tripped { 5 } else { u8::from(truth.is_some()) * 3 },
            calm: truth.is_none(),
            trend: None,
        }
    }

    /// What is left of a row behind its margin.
    fn spare(&self, name: u16, width: u16) -> u16 {
        width.saturating_sub(2 + 9 + name + cells::width(&self.margin))
    }

    fn draw(&self, scene: &Scene<'_>, (name, trend): (u16, Option<u16>), area: Rect, buffer: &mut Buffer) {
        let theme = scene.theme;
        let mut pen = Pen::new(buffer, area);
        let text = if self.calm { theme.text } else { theme.pending };
        pen.put(self.sign, self.style).skip(1).cell(self.word, 9, self.style).cell(&self.name, name - 1, text).skip(1);
        let Some((near, bound)) = &self.distance else {
            if let Some((chart, width)) = self.trend.as_ref().zip(trend) {
                pen.last(&trend::spark(scene, chart, width), if self.calm { theme.quiet } else { theme.pending });
            }
            pen.put(&self.margin, if self.calm { theme.quiet } else { theme.pending });
            return;
        };
        let columns = pen.room().saturating_sub(9 + 8).min(16);
        if columns < 4 {
            pen.put(&format!("{} of {bound}", self.margin), theme.quiet);
            return;
        }
        pen.cell(&self.margin, 9, if self.calm { theme.quiet } else { theme.pending });
        let color = if *near > 0.75 {
            theme.broken
        } else if *near > 0.4 {
            theme.pending
        } else {
            theme.accent
        };
        let filled = cells::bar(0.0, *near, columns);
        let filled = if *near <= 0.001 { "" } else { filled.trim_end() };
        pen.put("▕", theme.line).put(filled, color);
        pen.skip(columns.saturating_sub(cells::width(filled))).put("▏", theme.line).put(bound, theme.quiet);
    }
}
