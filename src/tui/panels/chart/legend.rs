//! Which line is which, where a chart has several: a number, what distinguishes it, and its value.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, row};
use crate::tui::charts::{Chart, Line};
use crate::tui::panels::chart::{SERIES, line_style, number};
use crate::tui::scene::Scene;

/// The longest name of a line.
const LONGEST: u16 = 28;
/// How far from its end the number of a line may stand where ends lie on each other.
const ASIDE: usize = 12;

/// A line of the chart in the legend: its number, its name, its value.
type Entry = (String, String, String);

/// The rows it takes of an area: none for a single series, and where they would take too much of the chart.
pub fn want(scene: &Scene<'_>, chart: &Chart, lines: &[Line<'_>], area: Rect) -> u16 {
    if lines.len() < 2 || area.height < 6 {
        return 0;
    }
    let columns: u16 = entries(scene, chart, lines).iter().map(|entry| wide(entry) + 3).sum();
    if area.height < 10 || columns <= area.width + 3 { 1 } else { 2 }
}

/// The columns of an entry.
fn wide((number, name, value): &Entry) -> u16 {
    cells::width(number) + cells::width(name) + cells::width(value) + 2
}

/// Each line that is drawn; the values are the newest, or those where the cursor stands.
fn entries(scene: &Scene<'_>, chart: &Chart, lines: &[Line<'_>]) -> Vec<Entry> {
    let at = scene.hands.zoom.cursor().unwrap_or(scene.now);
    let entry = |(index, (name, line)): (usize, (String, &Line<'_>))| {
        let value = line.value(at).filter(|_| at <= scene.now);
        let value = value.map_or_else(|| "no answer".to_owned(), |value| number(scene, chart, value));
        ((index + 1).to_string(), cells::name(&name, LONGEST), value)
    };
    let labels: Vec<&str> = lines.iter().map(|line| line.series.labels.raw()).collect();
    names(&labels).into_iter().zip(lines).take(SERIES).enumerate().map(entry).collect()
}

/// What tells each of several series from the others: the labels in which they differ, or else all of them.
fn names(labels: &[&str]) -> Vec<String> {
    let all: Vec<Vec<(&str, &str)>> =
        labels.iter().map(|labels| labels.split(',').filter_map(|pair| pair.split_once('=')).collect()).collect();
    let of = |pairs: &[(&str, &str)], key: &str| pairs.iter().find(|(of, _)| *of == key).map(|(_, value)| (*value).to_owned());
    let mut keys: Vec<&str> = Vec::new();
    for pair in all.iter().flatten() {
        if !keys.contains(&pair.0) && !all.iter().all(|pairs| pairs.contains(pair)) {
            keys.push(pair.0);
        }
    }
    let named = |(labels, pairs): (&&str, &Vec<(&str, &str)>)| {
        let told: Vec<String> = match keys.as_slice() {
            [] => vec![(*labels).to_owned()],
            [key] => of(pairs, key).into_iter().collect(),
            keys => keys.iter().filter_map(|key| Some(format!("{key}={}", of(pairs, key)?))).collect(),
        };
        let told = told.join(", ");
        if told.is_empty() { "without labels".to_owned() } else { Untrusted::from(told).to_string() }
    };
    let named: Vec<String> = labels.iter().zip(&all).map(named).collect();
    // pods of one owner differ in their last part alone
    let same = if keys.len() == 1 { common(&named) } else { 0 };
    named.into_iter().map(|name| name[same..].to_owned()).collect()
}

/// How long the beginning is that all names share, up to a joint; 0 where a name would have nothing left.
fn common(names: &[String]) -> usize {
    let Some((first, rest)) = names.split_first() else { return 0 };
    let mut ends = first.match_indices(['-', '.', '/', '_', ':']).map(|(at, joint)| at + joint.len());
    ends.rfind(|end| names.iter().all(|name| name.len() > *end) && rest.iter().all(|name| name.starts_with(&first[..*end]))).unwrap_or(0)
}

/// Draws it.
pub fn draw(scene: &Scene<'_>, chart: &Chart, lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let theme = scene.theme;
    let entries = entries(scene, chart, lines);
    let mut told = 0;
    for line in 0..area.height {
        let mut pen = Pen::new(buffer, row(area, line));
        let last = line + 1 == area.height;
        while let Some(entry @ (number, name, value)) = entries.get(told) {
            // on the last row there must be room to say how many more there are
            let kept = if last && told + 1 < lines.len() { 12 } else { 0 };
            if wide(entry) + kept > pen.room() {
                break;
            }
            pen.put(number, line_style(theme, told).add_modifier(Modifier::BOLD)).skip(1).put(name, theme.quiet).skip(1);
            pen.put(value, theme.text).skip(3);
            told += 1;
        }
        let left = lines.len() - told;
        if last && left > 0 {
            pen.put(&format!("and {left} more"), theme.quiet);
        }
    }
}

/// The number of each line at its end.
pub fn ends(scene: &Scene<'_>, columns: &[Vec<Option<f64>>], plot: Rect, buffer: &mut Buffer) {
    if columns.len() < 2 || plot.height == 0 {
        return;
    }
    let grain = scene.theme.grain;
    let mut taken: Vec<(u16, u16)> = Vec::new();
    for (index, values) in columns.iter().enumerate() {
        let places = (0u16..).zip(values).filter_map(|(x, value)| Some((x / grain.across(), grain.row((*value)?, plot.height))));
        let mut places: Vec<(u16, u16)> = places.collect();
        places.dedup();
        let Some((x, y)) = places.iter().rev().take(ASIDE).find(|place| !taken.contains(place)).copied() else { continue };
        taken.push((x, y));
        if let (Some(cell), Some(digit)) =
            (buffer.cell_mut((plot.x + x, plot.y + y)), u32::try_from(index + 1).ok().and_then(|n| char::from_digit(n, 10)))
        {
            cell.set_char(digit).set_style(line_style(scene.theme, index).add_modifier(Modifier::BOLD));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legend_should_name_what_distinguishes_and_nothing_else() {
        assert_eq!(names(&["app=a,pod=x", "app=a,pod=y"]), ["x", "y"]);
        assert_eq!(names(&["code=200,pod=x", "code=500,pod=y"]), ["code=200, pod=x", "code=500, pod=y"]);
        assert_eq!(names(&["pod=api-7f-x1", "pod=api-7f-y-2"]), ["x1", "y-2"]);
        assert_eq!(names(&["", "pod=y"]), ["without labels", "y"]);
        assert_eq!(names(&["pod=x"]), ["pod=x"]);
        assert!(!names(&["pod=\u{1b}[2J", "pod=y"])[0].contains('\u{1b}'));
    }
}
