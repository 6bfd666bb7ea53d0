//! The targets and their pods: who was hit, who came in whose place, and how far each is.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::clock::{At, say};
use crate::run::fleet::{Pod, Target};
use crate::run::recovery::{self, Stage, Waterfall};
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, head, row};
use crate::tui::panels::recovery::scale;
use crate::tui::scene::{Scene, share};
use crate::wording::{self, live};

/// How many lines may say why somebody is not back.
const WHYS: usize = 3;

/// What stands behind a pod.
enum Tail {
    /// Nothing was done to it.
    Untouched,
    /// It was hit then.
    Hit(At),
    /// A lasting fault is on it.
    Under,
    /// A lasting fault was on it.
    Was,
    /// It came for another: from the hit to its readiness, if it is ready.
    Came(At, Option<At>),
}

struct Line<'a> {
    pod: &'a Pod,
    tail: Tail,
}

/// The height it wants, its head included: stable from before the fault until after.
#[must_use]
pub fn want(scene: &Scene<'_>) -> u16 {
    let fleet = scene.run.fleet();
    let many = fleet.targets.len() > 1;
    let rows: usize = fleet
        .targets
        .iter()
        .map(|target| {
            let wanted = target.desired().map_or(3, |desired| desired as usize) + 1;
            lines(scene, target).len().max(wanted) + usize::from(many)
        })
        .sum();
    let whys = scene.run.whys().len();
    let told = if whys == 0 { 0 } else { (whys + 1).min(WHYS) };
    u16::try_from(rows + 2 + told).unwrap_or(u16::MAX)
}

/// Draws them as far as there is room, the others counted.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    draw_from(scene, area, buffer, 0, WHYS);
}

/// Draws them on a screen of their own: from the row that it is scrolled to, and every reason there is room for.
pub fn whole(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    draw_from(scene, area, buffer, scene.hands.pods_scrolled, usize::MAX);
}

fn draw_from(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, from: usize, most: usize) {
    let (run, theme) = (scene.run, scene.theme);
    let fleet = run.fleet();
    let one = fleet.targets.len() == 1;
    let title = match (one, run.scenario().targets.first()) {
        (true, Some(target)) => Untrusted::from(target.to_string()).to_string(),
        _ => "targets".to_owned(),
    };
    let note = summary(fleet.targets.iter());
    let below = fleet.targets.iter().any(|target| target.ready() < target.desired());
    let style = if below { theme.pending } else { theme.text };
    let inner = head(buffer, area, theme, &title, Some((&note, style)));
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (reference, target) in run.scenario().targets.iter().zip(&fleet.targets) {
        if !one {
            rows.push(Row::Target(Untrusted::from(reference.to_string()).to_string(), live::ready(target.ready(), target.desired())));
        }
        rows.extend(lines(scene, target).into_iter().map(Row::Pod));
    }
    let above = from.min(rows.len().saturating_sub(usize::from(inner.height) / 2));
    rows.drain(..above);
    let columns = Columns::of(&rows, inner.width);
    let titled = usize::from(inner.height) > rows.len();
    let mut at = 0;
    if titled {
        columns.titles(scene, row(inner, 0), buffer);
        at = 1;
    }
    // why somebody is not back says more than who is well
    let whys = run.whys();
    let most = most.min(usize::from(inner.height) / 3);
    let mut told: Vec<String> = whys.iter().flat_map(|why| cells::wrap(&wording::why::line(run, why, scene.now), inner.width, 2)).collect();
    told.truncate(most);
    let room = usize::from(inner.height.saturating_sub(at)) - told.len();
    let shown = if rows.len() > room { room.saturating_sub(1) } else { rows.len() };
    for line in &rows[..shown] {
        match line {
            Row::Target(name, ready) => {
                let mut pen = Pen::new(buffer, row(inner, at));
                pen.last(ready, theme.quiet);
                pen.put(name, theme.text);
            }
            Row::Pod(line) => columns.line(scene, line, row(inner, at), buffer),
        }
        at += 1;
    }
    let rest: Vec<&Pod> = rows[shown..].iter().filter_map(Row::pod).collect();
    if !rest.is_empty() {
        let ready = rest.iter().filter(|pod| pod.is_ready()).count();
        let text = if ready == rest.len() {
            format!("and {} more, all ready", rest.len())
        } else {
            format!("and {} more, {} of them not ready", rest.len(), rest.len() - ready)
        };
        Pen::new(buffer, row(inner, at)).skip(2).put(&text, if ready == rest.len() { theme.quiet } else { theme.pending });
        at += 1;
    }
    let below = Rect { y: inner.y + at, height: inner.height.saturating_sub(at), ..inner };
    cells::lines(buffer, below, &told, theme.pending);
}

/// `2 of 3 ready`, over all targets.
fn summary<'t>(targets: impl Iterator<Item = &'t Target>) -> String {
    let (mut ready, mut desired) = (Some(0), Some(0));
    for target in targets {
        ready = ready.zip(target.ready()).map(|(a, b)| a + b);
        desired = desired.zip(target.desired()).map(|(a, b)| a + b);
    }
    live::ready(ready, desired)
}

enum Row<'a> {
    Target(String, String),
    Pod(Line<'a>),
}

impl<'a> Row<'a> {
    const fn pod(&self) -> Option<&'a Pod> {
        match self {
            Row::Pod(line) => Some(line.pod),
            Row::Target(..) => None,
        }
    }
}

/// The pods of a target: victims with their replacements first, then the others.
fn lines<'a>(scene: &Scene<'a>, target: &'a Target) -> Vec<Line<'a>> {
    let fleet = scene.run.fleet();
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut told: BTreeSet<usize> = BTreeSet::new();
    let newest_first = scene.run.faults().iter().rev().filter(|state| state.asked.is_some());
    for (age, state) in newest_first.enumerate() {
        for fall in recovery::waterfalls(state, fleet) {
            let replacement = fall.replacement.as_ref().and_then(|pod| target.pods.get(&pod.uid));
            let hit = fall.stages.first().and_then(|(_, seen)| *seen).map_or(At::ZERO, |seen| seen.at);
            if let Some(victim) = target.pods.get(&fall.victim.uid)
                && age == 0
            {
                told.insert(victim.order);
                lines.push(Line { pod: victim, tail: Tail::Hit(hit) });
            }
            if let Some(pod) = replacement.filter(|pod| told.insert(pod.order)) {
                lines.push(Line { pod, tail: Tail::Came(hit, reached(&fall)) });
            }
        }
        for victim in state.victims.iter().filter(|victim| victim.hit.is_some() && state.fault.is_lasting()) {
            if let Some(pod) = target.pods.get(&victim.pod.uid).filter(|pod| told.insert(pod.order)) {
                lines.push(Line { pod, tail: if state.is_alive() { Tail::Under } else { Tail::Was } });
            }
        }
    }
    for pod in target.in_order() {
        if pod.gone.is_none() && !told.contains(&pod.order) {
            lines.push(Line { pod, tail: Tail::Untouched });
        }
    }
    lines
}

fn reached(fall: &Waterfall) -> Option<At> {
    fall.stages.iter().find(|(stage, _)| *stage == Stage::Ready).and_then(|(_, seen)| *seen).map(|seen| seen.at)
}

/// The widths of the columns.
struct Columns {
    name: u16,
    state: u16,
    ready: u16,
    restarts: u16,
    age: u16,
}

impl Columns {
    fn of(rows: &[Row<'_>], width: u16) -> Columns {
        // of thousands only the longest is put into words: a name is ASCII
        let longest = rows.iter().filter_map(Row::pod).max_by_key(|pod| tells(pod).len());
        let widest = longest.map_or(0, |pod| cells::width(&short(pod)));
        let narrow = width < 50;
        Columns {
            name: widest.clamp(5, if narrow { 10 } else { 18 }) + 2,
            state: if narrow { 11 } else { 17 },
            ready: 6,
            restarts: if narrow { 4 } else { 5 },
            age: 6,
        }
    }

    fn titles(&self, scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
        let style = scene.theme.quiet;
        let mut pen = Pen::new(buffer, area);
        pen.skip(2).cell("pod", self.name, style).cell("state", self.state, style);
        pen.cell_right("ready", self.ready.saturating_sub(1), style).cell_right("rst", self.restarts, style);
        pen.cell_right("age", self.age, style);
    }

    fn line(&self, scene: &Scene<'_>, line: &Line<'_>, area: Rect, buffer: &mut Buffer) {
        let (theme, pod) = (scene.theme, line.pod);
        let dead = pod.gone.is_some() || pod.deleting.is_some();
        let (sign, color) = match (dead, pod.fact.ready) {
            (true, _) => ("✗", theme.broken),
            (false, true) => ("●", theme.quiet),
            (false, false) => ("◐", theme.pending),
        };
        let style: Style = match &line.tail {
            _ if dead => theme.quiet,
            Tail::Untouched => theme.quiet,
            Tail::Hit(_) | Tail::Under | Tail::Was | Tail::Came(..) => theme.text,
        };
        let state = match (&line.tail, dead) {
            (Tail::Hit(_), true) => "killed".to_owned(),
            (_, true) => "deleted".to_owned(),
            (_, false) => live::pod_state(&pod.fact.state),
        };
        let mut pen = Pen::new(buffer, area);
        pen.put(sign, color).skip(1).cell(&short(pod), self.name, style);
        pen.cell(&state, self.state - 1, if dead || pod.fact.ready { style } else { theme.pending }).skip(1);
        let (good, all) = pod.fact.containers;
        let ready = if dead { "–".to_owned() } else { format!("{good}/{all}") };
        pen.cell_right(&ready, self.ready - 1, style);
        let restarted = if pod.fact.restarts > 0 { theme.pending } else { style };
        pen.cell_right(&pod.fact.restarts.to_string(), self.restarts, restarted);
        pen.cell_right(&age(scene, pod), self.age, style).skip(2);
        tail(scene, line, &mut pen);
    }
}

fn tail(scene: &Scene<'_>, line: &Line<'_>, pen: &mut Pen<'_>) {
    let theme = scene.theme;
    if pen.room() < 6 {
        return;
    }
    match &line.tail {
        Tail::Untouched => {
            if !line.pod.original {
                pen.put("new", theme.quiet);
            } else if pen.room() >= 9 {
                pen.put("untouched", theme.quiet);
            }
        }
        Tail::Hit(at) => {
            pen.put(&wording::t_plus(scene.run, *at), theme.quiet);
        }
        Tail::Under => {
            pen.put(if pen.room() < 11 { "hit" } else { "under fault" }, theme.pending);
        }
        Tail::Was => {
            pen.put("was hit", theme.quiet);
        }
        Tail::Came(hit, ready) => {
            let took = ready.unwrap_or(scene.now).since(*hit);
            let style = if ready.is_some() { theme.accent } else { theme.pending };
            let columns = pen.room().saturating_sub(8);
            if columns >= 4 {
                let bar = cells::bar(0.0, share(took, scale(scene)), columns);
                pen.put(bar.trim_end(), style).skip(1);
            }
            pen.put(&say(took), style);
        }
    }
}

/// What tells a pod from its siblings: the last part of its name; all of it where that is a number.
fn short(pod: &Pod) -> String {
    Untrusted::from(tells(pod)).to_string()
}

fn tells(pod: &Pod) -> &str {
    let name = pod.fact.pod.name.as_str();
    let last = name.rsplit('-').next().unwrap_or(name);
    if last.bytes().all(|byte| byte.is_ascii_digit()) { name } else { last }
}

fn age(scene: &Scene<'_>, pod: &Pod) -> String {
    if pod.gone.is_some() {
        return "–".to_owned();
    }
    if !pod.original {
        return live::age(scene.now.since(pod.created.at));
    }
    let Some(created) = pod.fact.created else { return "–".to_owned() };
    let wall = scene.now.on_wall(scene.run.header().started);
    (wall - created).to_std().map_or_else(|_| "–".to_owned(), live::age)
}
