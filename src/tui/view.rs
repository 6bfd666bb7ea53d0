//! The whole screen: which panels stand where at which size, and what is open over them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::run::phase::{End, Phase};
use crate::tui::cells::split;
use crate::tui::charts::{self, Chart, Shows};
use crate::tui::hands::Open;
use crate::tui::keys::Screen;
use crate::tui::panels::{
    big, chart, criteria, debrief, fault, faults, header, help, home, keyline, look, metrics, palette, pods, preflight, questions,
    recovery, strip, timeline, tiny, undo,
};
use crate::tui::scene::{Scene, Spot, Touch};
use crate::wording;

/// Below this, panels can't be read: one line is shown.
pub const LEAST: (u16, u16) = (60, 15);
/// Between two columns.
const GUTTER: u16 = 3;
/// The height of a chart of pods that are ready, and of how they come back.
const READY: u16 = 9;

/// What a click there does, on the screen where these spots were noted.
#[must_use]
pub fn touched(scene: &Scene<'_>, spots: &[Spot], (x, y): (u16, u16)) -> Option<Touch> {
    // what is open lies over everything: no click goes through it
    if scene.hands.open.is_some() || undo::is_due(scene) {
        return None;
    }
    let found = spots.iter().rev().find(|spot| spot.area.contains((x, y).into()));
    found.map(|spot| spot.touch.clone())
}

/// Draws the screen for any size.
pub fn draw(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(*buffer.area());
    if area.is_empty() {
        return;
    }
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (top, rest) =
            scene.hands.looking.as_ref().map_or((area, None), |looking| (split(area, 2).0, Some((split(area, 2).1, looking))));
        tiny::draw(scene, top, buffer);
        if let Some((rest, looking)) = rest {
            look::draw(scene, rest, buffer, looking);
        }
    } else {
        screen(scene, area, buffer);
    }
    open(scene, area, buffer);
}

fn screen(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let (top, rest) = split(area, header::HEIGHT);
    let (steps, rest) = split(rest, strip::HEIGHT);
    let (body, keys) = split(rest, rest.height.saturating_sub(1));
    header::draw(scene, top, buffer);
    strip::draw(scene, steps, buffer);
    let moves = panels(scene, area, body, buffer);
    keyline::draw(scene, (area, keys), moves, buffer);
}

/// Draws what stands between; says whether something there can be filtered or scrolled.
fn panels(scene: &Scene<'_>, area: Rect, body: Rect, buffer: &mut Buffer) -> bool {
    // the body stands still where the picture is frozen; what tells of safety never does
    let scene = &scene.thawed();
    let roomy = area.height >= 30;
    let body = if roomy { Rect { y: body.y + 1, height: body.height.saturating_sub(2), ..body } } else { body };
    let body = Rect { x: body.x + 1, width: body.width.saturating_sub(2), ..body };
    if let Some(looking) = &scene.hands.looking {
        look::draw(scene, body, buffer, looking);
        return true;
    }
    match scene.run.phase().0 {
        _ if scene.hands.screen(scene.run) == Screen::Preflight => preflight::draw(scene, body, buffer),
        _ if scene.hands.screen(scene.run) == Screen::Home => home::within(scene, body, buffer),
        _ if big::is_shown(scene, area) => big::draw(scene, body, buffer),
        Phase::Preflight | Phase::Ready | Phase::Undoing(End::Refused(_)) => preflight::draw(scene, body, buffer),
        // what kept it from starting, and what mends that, is all there is to find
        Phase::Sealed if wording::preflight::refusal(scene.run).is_some() => preflight::draw(scene, body, buffer),
        Phase::Sealed if scene.hands.screen(scene.run) == Screen::Findings => return debrief::draw(scene, body, buffer),
        Phase::Gate | Phase::Steps | Phase::Settling | Phase::Undoing(_) | Phase::Sealed => {
            let mut charts = charts::all(scene.run);
            if !charts.is_empty() {
                let count = charts.len();
                charts.rotate_left(scene.hands.chart % count);
            }
            match scene.hands.screen(scene.run) {
                Screen::Pods => many(scene, &charts, body, buffer),
                Screen::Faults => {
                    let rest = faults::draw(scene, body, buffer);
                    below(scene, rest, buffer);
                }
                Screen::Metrics => metrics::draw(scene, &charts, body, buffer),
                Screen::Timeline => timeline::draw(scene, body, buffer),
                Screen::Cockpit | Screen::Findings | Screen::Preflight | Screen::Home if body.width >= 98 && body.height >= 22 => {
                    columns(scene, &charts, body, buffer);
                }
                Screen::Cockpit | Screen::Findings | Screen::Preflight | Screen::Home => essentials(scene, &charts, body, buffer),
            }
        }
    }
    true
}

/// The pods in whole; where few of them leave room, how they come back, how many were ready, and what happened.
fn many(scene: &Scene<'_>, charts: &[Chart], area: Rect, buffer: &mut Buffer) {
    let want = pods::want_whole(scene, area.width);
    let Some(spare) = area.height.checked_sub(want + 1 + READY) else { return pods::whole(scene, area, buffer) };
    let (top, rest) = split(area, want);
    pods::whole(scene, top, buffer);
    let (middle, rest) = split(split(rest, 1).1, READY + spare.saturating_sub(30) / 2);
    let ready = charts.iter().find(|chart| matches!(chart.shows, Shows::Ready(_)));
    let beside = if scene.fault().is_some() && area.width >= 98 { (area.width - GUTTER) / 2 } else { 0 };
    if beside > 0 {
        recovery::draw(scene, Rect { width: beside, ..middle }, buffer);
    }
    if let Some(chart) = ready {
        let x = if beside > 0 { beside + GUTTER } else { 0 };
        chart::draw(scene, chart, Rect { x: middle.x + x, width: middle.width - x, ..middle }, buffer);
    }
    below(scene, rest, buffer);
}

/// What happened, where something else leaves room for it.
fn below(scene: &Scene<'_>, rest: Rect, buffer: &mut Buffer) {
    let rest = split(rest, 1).1;
    if rest.height >= 4 {
        timeline::draw(scene, rest, buffer);
    }
}

/// Two columns: pods, recovery and fault at the left, charts, criteria and timeline at the right.
fn columns(scene: &Scene<'_>, charts: &[Chart], area: Rect, buffer: &mut Buffer) {
    let wide = area.width >= 150;
    let left = if wide { (area.width * 2 / 5).max(62) } else { (area.width - GUTTER) * 49 / 100 };
    let first = Rect { width: left, ..area };
    let second = Rect { x: area.x + left + GUTTER, width: area.width - left - GUTTER, ..area };
    // where it is high, too, the timeline gets the lower left, and charts the height at the right
    let high = wide && area.height >= 44;
    let shown = right(scene, charts, second, (wide, high), buffer);
    self::left(scene, &charts[shown.min(charts.len())..], first, high, buffer);
}

fn left(scene: &Scene<'_>, charts: &[Chart], area: Rect, high: bool, buffer: &mut Buffer) {
    let (pods_want, fault_want) = (pods::want(scene), fault::want(scene, area.width));
    // the fault is the first to leave, then the waterfall, whose bars the pods carry, too
    let with_recovery = area.height >= pods_want.min(12) + 1 + recovery::WANT;
    let with_fault = with_recovery && area.height >= pods_want.min(12) + 2 + recovery::WANT + 4;
    let below = if with_recovery { 1 + recovery::WANT } else { 0 } + if with_fault { 1 + fault_want.min(8) } else { 0 };
    let (top, rest) = split(area, pods_want.min(area.height.saturating_sub(below)));
    pods::draw(scene, top, buffer);
    if !with_recovery {
        return;
    }
    let (middle, rest) = split(split(rest, 1).1, recovery::WANT);
    recovery::draw(scene, middle, buffer);
    if !with_fault {
        return;
    }
    let rest = split(rest, 1).1;
    if high {
        let (bottom, rest) = split(rest, fault_want);
        fault::draw(scene, bottom, buffer);
        timeline::draw(scene, split(rest, 1).1, buffer);
        return;
    }
    let spare = rest.height.saturating_sub(fault_want + 1);
    match charts.first().filter(|_| spare >= 5) {
        Some(chart) => {
            let (bottom, rest) = split(rest, fault_want.max(rest.height.saturating_sub(15)));
            fault::draw(scene, bottom, buffer);
            chart::draw(scene, chart, split(rest, 1).1, buffer);
        }
        None => fault::draw(scene, rest, buffer),
    }
}

/// Draws the right column; gives how many charts are in it.
fn right(scene: &Scene<'_>, charts: &[Chart], area: Rect, (wide, high): (bool, bool), buffer: &mut Buffer) -> usize {
    let judged = criteria::room(scene).min(area.height / 3);
    let told = if high { 0 } else { 1 + 8 };
    let for_charts = area.height.saturating_sub(judged + 1 + told);
    let (across, down) = if wide { (2, 2) } else { (1, 2) };
    let rows = if for_charts >= 14 { down.min(charts.len().div_ceil(across)) } else { 1 };
    let shown = charts.len().min(rows * across);
    let (upper, rest) = split(area, for_charts.min(if wide { 46 } else { 22 }));
    let mut rest_of = upper;
    for (index, line) in charts[..shown].chunks(across).enumerate() {
        let left_rows = u16::try_from(rows - index).unwrap_or(1);
        let height = (rest_of.height + 1) / left_rows - 1;
        let (band, below) = split(rest_of, height);
        rest_of = split(below, 1).1;
        let count = u16::try_from(line.len()).unwrap_or(1).max(1);
        let width = (band.width - (count - 1) * GUTTER) / count;
        for (place, one) in (0..count).zip(line) {
            chart::draw(scene, one, Rect { x: band.x + place * (width + GUTTER), width, ..band }, buffer);
        }
    }
    let (middle, rest) = split(split(rest, 1).1, judged);
    criteria::draw(scene, middle, buffer);
    if !high {
        timeline::draw(scene, split(rest, 1).1, buffer);
    }
    shown
}

/// One column, where the screen is small: pods beside one chart, criteria, the end of the timeline.
fn essentials(scene: &Scene<'_>, charts: &[Chart], area: Rect, buffer: &mut Buffer) {
    let told = if area.height >= 18 { 5 } else { 3 };
    let judged = criteria::want(scene).max(criteria::room(scene).min(7)).min((area.height - told) / 2);
    let (band, rest) = split(area, area.height - told - judged);
    let (middle, last) = split(rest, judged);
    let beside = area.width >= 76;
    let pods_width = if beside { (area.width * 3 / 5).clamp(46, 62) } else { area.width };
    pods::draw(scene, Rect { width: pods_width, ..band }, buffer);
    if let Some(one) = charts.first().filter(|_| beside) {
        let x = pods_width + GUTTER - 1;
        chart::draw(scene, one, Rect { x: band.x + x, width: area.width - x, ..band }, buffer);
    }
    criteria::draw(scene, middle, buffer);
    timeline::draw(scene, last, buffer);
}

fn open(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    match &scene.hands.open {
        Some(Open::Help) => help::draw(scene, area, buffer),
        Some(Open::Stop) => questions::stop(scene, area, buffer),
        Some(Open::GoOn(step)) => questions::go_on(scene, area, buffer, *step),
        Some(Open::Skip(_)) => questions::skip(scene, area, buffer),
        Some(Open::Note(note)) => questions::note(scene, area, buffer, note),
        Some(Open::Palette(line)) => palette::draw(scene, area, buffer, line),
        Some(Open::Filter(text)) => questions::filter(scene, area, buffer, text),
        Some(Open::Word(typed)) => questions::word(scene, area, buffer, typed),
        Some(Open::Runbook { opened }) => questions::runbook(scene, area, buffer, *opened),
        None if undo::is_due(scene) => undo::draw(scene, area, buffer),
        None => {}
    }
}
