//! The targets and their pods: who was hit, who came in whose place, and how far each is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::clock::say;
use crate::run::fleet::{Pod, Target};
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, head, row};
use crate::tui::filter;
use crate::tui::panels::recovery::scale;
use crate::tui::roster::{self, Column, Line, Order, Tail};
use crate::tui::scene::{Scene, Touch, share};
use crate::wording::{self, live};

/// How many lines may say why somebody is not back.
const WHYS: usize = 3;

/// How many lines each of them takes at most on a screen of its own.
const EACH: usize = 6;

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
            roster::of(scene.run, target).len().max(wanted) + usize::from(many)
        })
        .sum();
    let whys = scene.run.whys().len();
    let told = if whys == 0 { 0 } else { (whys + 1).min(WHYS) };
    u16::try_from(rows + 2 + told).unwrap_or(u16::MAX)
}

/// The height of a screen of their own, with every reason in so many columns.
#[must_use]
pub fn want_whole(scene: &Scene<'_>, width: u16) -> u16 {
    let whys = scene.run.whys();
    let told: usize = whys.iter().map(|why| cells::wrap(&wording::why::line(scene.run, why, scene.now), width, EACH).len()).sum();
    let kept = scene.run.whys().len().min(WHYS - 1) + 1;
    want(scene).saturating_add(u16::try_from(told.saturating_sub(kept)).unwrap_or(u16::MAX))
}

/// Draws them as far as there is room, the others counted.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    draw_at_most(scene, area, buffer, (WHYS, 2));
}

/// Draws them on a screen of their own, with every reason there is room for.
pub fn whole(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    draw_at_most(scene, area, buffer, (usize::MAX, EACH));
}

/// Draws them with at most so many lines of reasons, and so many for each.
fn draw_at_most(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer, (most, each): (usize, usize)) {
    let (run, theme) = (scene.run, scene.theme);
    let fleet = run.fleet();
    let one = fleet.targets.len() == 1;
    let title = match (one, run.scenario().targets.first()) {
        (true, Some(target)) => Untrusted::from(target.to_string()).to_string(),
        _ => "targets".to_owned(),
    };
    let mut rows: Vec<Row<'_>> = Vec::new();
    let (mut shown, mut all) = (0, 0);
    for (reference, target) in run.scenario().targets.iter().zip(&fleet.targets) {
        if !one {
            rows.push(Row::Target(Untrusted::from(reference.to_string()).to_string(), live::ready(target.ready(), target.desired())));
        }
        let (lines, of) = roster::wanted(run, scene.hands, target);
        (shown, all) = (shown + lines.len(), all + of);
        rows.extend(lines.into_iter().map(Row::Pod));
    }
    let below = fleet.targets.iter().any(|target| target.ready() < target.desired());
    let style = if below { theme.pending } else { theme.text };
    let mut note = summary(fleet.targets.iter());
    if !scene.hands.filter.is_empty() {
        // who is ready says more than how many are shown: it is cut last
        note = format!("{note} · /{}: {shown} of {all}", Untrusted::from(scene.hands.filter.text()));
    }
    let inner = head(buffer, area, theme, &title, Some((&note, style)));
    // the marked pod stays in sight
    let chosen = scene.hands.chosen.as_deref().and_then(|uid| fleet.pod_of(uid));
    let marked = |row: &Row<'_>| row.pod().zip(chosen).is_some_and(|(pod, chosen)| std::ptr::eq(pod, chosen));
    let room = usize::from(inner.height) * 2 / 3;
    let above = rows.iter().position(marked).map_or(0, |at| (at + 2).saturating_sub(room.max(2)));
    let hidden: Vec<Row<'_>> = rows.drain(..above).collect();
    let columns = Columns::of(&rows[..rows.len().min(usize::from(inner.height))], inner.width);
    let titled = usize::from(inner.height) > rows.len();
    let mut at = 0;
    if titled {
        columns.titles(scene, row(inner, 0), buffer);
        at = 1;
    }
    // why somebody is not back says more than who is well
    let whys = run.whys();
    // a third of the room, and what the rows leave
    let left = usize::from(inner.height).saturating_sub(rows.len() + usize::from(titled));
    let most = most.min((usize::from(inner.height) / 3).max(left));
    let mut told: Vec<String> =
        whys.iter().flat_map(|why| cells::wrap(&wording::why::line(run, why, scene.now), inner.width, each)).collect();
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
            Row::Pod(line) => {
                let area = row(inner, at);
                scene.spot(area, || Touch::Pod(line.pod.fact.pod.uid.clone()));
                columns.line(scene, line, area, buffer);
                if marked(&Row::Pod(*line)) {
                    buffer.set_style(area, scene.theme.text.add_modifier(Modifier::REVERSED));
                }
            }
        }
        at += 1;
    }
    if all > 0 && !rows.iter().any(|row| row.pod().is_some()) {
        Pen::new(buffer, row(inner, at)).skip(2).put(filter::NOTHING, theme.quiet);
        at += 1;
    }
    let rest = rows[shown..].iter().filter(|row| row.pod().is_some()).count();
    if rest > 0 {
        let ready = |rows: &[Row<'_>]| rows.iter().filter_map(Row::pod).filter(|pod| pod.is_ready()).count();
        let ready = match fleet.targets.iter().map(Target::ready).sum::<Option<u32>>() {
            // every pod that is ready has a row: those of thousands that are not shown are counted by those that are
            Some(all) if scene.hands.filter.is_empty() => (all as usize).saturating_sub(ready(&hidden) + ready(&rows[..shown])),
            _ => ready(&rows[shown..]),
        };
        let (text, style) = if ready == rest {
            (format!("and {rest} more, all ready"), theme.quiet)
        } else {
            (format!("and {rest} more, {} of them not ready", rest - ready.min(rest)), theme.pending)
        };
        Pen::new(buffer, row(inner, at)).skip(2).put(&text, style);
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

/// The widths of the columns.
struct Columns {
    name: u16,
    state: u16,
    ready: u16,
    restarts: u16,
    age: u16,
    /// None where there is no room for it.
    node: u16,
}

impl Columns {
    fn of(rows: &[Row<'_>], width: u16) -> Columns {
        // only the longest is put into words: a name is ASCII
        let longest = rows.iter().filter_map(Row::pod).max_by_key(|pod| tells(pod).len());
        let widest = longest.map_or(0, |pod| cells::width(&short(pod)));
        let narrow = width < 50;
        Columns {
            name: widest.clamp(5, if narrow { 10 } else { 18 }) + 2,
            state: if narrow { 11 } else { 17 },
            ready: 6,
            restarts: if narrow { 4 } else { 5 },
            age: 6,
            node: if width >= 100 { 18 } else { 0 },
        }
    }

    fn titles(&self, scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
        let mut pen = Pen::new(buffer, area);
        let style =
            |column| if scene.hands.order.is_some_and(|order| order.column == column) { scene.theme.strong } else { scene.theme.quiet };
        let title = |column: Column, word: &str| match scene.hands.order {
            Some(Order { column: by, reversed }) if by == column => format!("{word}{}", if reversed { "▲" } else { "▼" }),
            _ => word.to_owned(),
        };
        pen.skip(2).cell(&title(Column::Name, "pod"), self.name, style(Column::Name));
        pen.cell(&title(Column::State, "state"), self.state, style(Column::State));
        pen.cell_right(&title(Column::Ready, "ready"), self.ready.saturating_sub(1), style(Column::Ready));
        pen.cell_right(&title(Column::Restarts, "rst"), self.restarts, style(Column::Restarts));
        pen.cell_right(&title(Column::Age, "age"), self.age, style(Column::Age)).skip(2);
        if self.node > 0 {
            pen.cell("node", self.node, scene.theme.quiet);
        }
        if pen.room() >= 9 {
            pen.put("this run", scene.theme.quiet);
        }
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
        if self.node > 0 {
            let node = pod.fact.node.as_ref().map_or_else(|| "–".to_owned(), ToString::to_string);
            pen.cell(&cells::name(&node, self.node - 2), self.node, theme.quiet);
        }
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
            let at = wording::t_plus(scene.run, *at);
            pen.put(&if pen.room() >= 20 { format!("hit {at}") } else { at }, theme.quiet);
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
