//! `spec.limits`, and the hours of the week in it.

use super::super::fields::{self, Fields, Zero};
use super::super::keys;
use super::super::mistake::Mistakes;
use super::super::model::{DAYS, Hours, Limits, Window};
use super::super::tree::{Content, Node};

/// How far a run may go.
pub fn limits(node: &Node, mistakes: &mut Mistakes) -> Limits {
    let mut limits = Limits::default();
    let Some(fields) = Fields::of(node, &keys::LIMITS, mistakes) else { return limits };
    limits.max_targets = fields.get("maxTargets").and_then(|node| fields::whole(node, "maxTargets", 1..=u32::MAX, mistakes));
    limits.max_share = fields.get("maxShare").and_then(|node| fields::share(node, "maxShare", mistakes));
    if let Some(all) = fields.get("allowAll").and_then(|node| fields::boolean(node, "allowAll", mistakes)) {
        limits.allow_all = all;
    }
    limits.max_duration = fields.get("maxDuration").and_then(|node| fields::duration(node, "maxDuration", Zero::Refused, mistakes));
    if let Some(blind) = fields.get("blindLimit").and_then(|node| fields::duration(node, "blindLimit", Zero::Refused, mistakes)) {
        limits.blind_limit = blind;
    }
    limits.hours = fields.get("hours").and_then(|node| hours(node, mistakes));
    if let (Some(max), Some(node)) = (limits.max_duration, fields.get("blindLimit"))
        && limits.blind_limit > max
    {
        mistakes.error(node.span, &node.excerpt(), "blindLimit is longer than maxDuration, so it can never be reached");
    }
    limits
}

/// `hours`: a time zone and windows of the week.
fn hours(node: &Node, mistakes: &mut Mistakes) -> Option<Hours> {
    const ZONE: &str = "the name of a time zone, as in Europe/Berlin or UTC";
    let fields = Fields::of(node, &keys::HOURS, mistakes)?;
    let zone = |text: &str| {
        let word = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(is_of_zone);
        text.len() <= 64 && text.split('/').all(word)
    };
    let timezone = fields.need("timezone", mistakes).and_then(|node| fields::text_that(node, "timezone", zone, ZONE, mistakes));
    let only = fields.need("only", mistakes)?;
    let Content::List(items) = &only.content else {
        fields::wrong_type(only, "only is a list of windows", mistakes).allow(WINDOW);
        return None;
    };
    if items.is_empty() {
        mistakes.error(only.span, "[]", "without a window the run could never begin").allow(WINDOW);
    }
    let mut windows = Vec::new();
    for node in items {
        let Some(text) = fields::text(node, "a window", mistakes) else { continue };
        match window(&text) {
            Ok(window) => windows.push(window),
            Err(why) => {
                mistakes.error(node.span, &text, why).allow(WINDOW);
            }
        }
    }
    (windows.len() == items.len() && !windows.is_empty()).then_some(Hours { timezone: timezone?, only: windows })
}

const WINDOW: &str = "days and times, as in 'Tue-Thu 09:00-16:00' or 'Mon,Wed 10:00-12:00'";

fn is_of_zone(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+')
}

fn window(text: &str) -> Result<Window, String> {
    let (days, times) = text.trim().split_once(' ').ok_or("a window is days, a space, and times")?;
    let mut found = Vec::new();
    for part in days.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (weekday(first)?, weekday(last)?);
        found.push(day);
        // from Fri to Mon goes over the end of the week
        while day != last {
            day = (day + 1) % 7;
            found.push(day);
        }
    }
    found.sort_unstable();
    found.dedup();
    let (from, to) = times.trim().split_once('-').ok_or("the times of a window are FROM-TO")?;
    let (from, to) = (minutes(from)?, minutes(to)?);
    if from >= to {
        return Err("a window ends after it begins, on the same day; write two for one over midnight".to_owned());
    }
    Ok(Window { days: found, from, to })
}

fn weekday(text: &str) -> Result<u8, String> {
    let found = DAYS.iter().position(|day| day.eq_ignore_ascii_case(text)).and_then(|day| u8::try_from(day).ok());
    found.ok_or_else(|| format!("{text:?} is no day: {}", DAYS.join(", ")))
}

fn minutes(text: &str) -> Result<u16, String> {
    let wrong = || format!("{text:?} is no time of day: HH:MM, 00:00 to 24:00");
    let (hours, minutes) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2).ok_or_else(wrong)?;
    let (hours, minutes): (u16, u16) = (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
    Some(hours * 60 + minutes).filter(|all| minutes < 60 && *all <= 24 * 60).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_should_be_read_with_days_over_the_end_of_the_week() {
        assert_eq!(window("Tue-Thu 09:00-16:00").unwrap(), Window { days: vec![1, 2, 3], from: 540, to: 960 });
        assert_eq!(window("Sat-Mon,Wed 00:00-24:00").unwrap(), Window { days: vec![0, 2, 5, 6], from: 0, to: 1440 });
        assert_eq!(window("mon 10:00-12:00").unwrap().to_string(), "Mon 10:00-12:00");
    }

    #[test]
    fn window_should_refuse_what_could_be_meant_otherwise() {
        for text in ["Tue", "Tue 9-16", "Tue 09:00", "Tue 16:00-09:00", "Die 09:00-16:00", "Tue 09:00-24:01", "Tue 09:60-10:00", ""] {
            assert!(window(text).is_err(), "{text:?}");
        }
    }
}
