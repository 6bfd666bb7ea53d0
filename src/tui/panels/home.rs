//! Home: scenarios and past runs at the left, the marked one at the right, what the cluster can do at the top.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::face::home::{Drill, Home, PastRun, RUNGS, Reach, State};
use crate::scenario::model::{Scenario, Tier};
use crate::text::Untrusted;
use crate::tui::cells::{self, Pen, head, lines, row, split, wrap};
use crate::tui::home::{List, Lobby};
use crate::tui::keys::{Binding, Keys, Scope};
use crate::tui::panels::verdict;
use crate::tui::scene::Scene;
use crate::tui::theme::Theme;
use crate::wording;

/// Below this there is no room for lists.
const LEAST: (u16, u16) = (40, 10);

struct Sight<'a> {
    home: &'a Home,
    lobby: &'a Lobby,
    keys: &'a Keys,
    theme: &'a Theme,
    /// The scenario that runs now, where home is looked at within a run.
    running: Option<&'a str>,
}

/// Draws it.
pub fn draw(home: &Home, lobby: &Lobby, keys: &Keys, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let sight = Sight { home, lobby, keys, theme, running: None };
    let body = Rect { x: area.x + area.width.min(1), width: area.width.saturating_sub(2), ..area };
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("gameday: {} scenarios, {} runs; the screen is too small to show them", home.drills.len(), home.runs.len());
        lines(buffer, body, &wrap(&text, body.width, usize::from(body.height)), theme.text);
        return;
    }
    let (top, rest) = split(body, 2);
    let (middle, last) = split(rest, rest.height - 1);
    sight.top(top, buffer);
    let roomy = area.height >= 30;
    let middle = if roomy { Rect { y: middle.y + 1, height: middle.height.saturating_sub(2), ..middle } } else { middle };
    if lobby.help {
        sight.help(middle, buffer);
    } else {
        sight.body(middle, buffer);
    }
    sight.last(last, buffer);
}

/// The same below the header of a run that goes on: nothing is opened from here.
pub fn within(scene: &Scene<'_>, area: Rect, buffer: &mut Buffer) {
    let hands = scene.hands;
    let Some(home) = &hands.porch else { return };
    let sight = Sight { home, lobby: &hands.lobby, keys: &hands.keys, theme: scene.theme, running: Some(&scene.run.scenario().name) };
    let (top, rest) = split(area, 2);
    let said = "home, as it was when this run began; nothing opens from here · Esc goes back";
    Pen::new(buffer, row(top, 0)).put(&cells::fit(said, top.width), scene.theme.pending);
    sight.cluster(home.reach(None), row(top, 1), buffer);
    let roomy = rest.height >= 20;
    sight.body(if roomy { split(rest, 1).1 } else { rest }, buffer);
}

impl Sight<'_> {
    fn top(&self, area: Rect, buffer: &mut Buffer) {
        let mut pen = Pen::new(buffer, row(area, 0));
        pen.put("gameday", self.theme.strong).skip(2).put("break it on purpose, while everybody looks", self.theme.quiet);
        self.cluster(self.home.reach(self.lobby.marked(self.home)), row(area, 1), buffer);
    }

    /// What a cluster can do.
    fn cluster(&self, reach: &Reach, area: Rect, buffer: &mut Buffer) {
        let theme = self.theme;
        let mut pen = Pen::new(buffer, area);
        match reach {
            Reach::Asking => {
                pen.put("asking the cluster what it can do", theme.pending);
            }
            Reach::None(why) => {
                pen.put("no cluster: ", theme.pending)
                    .put(&format!("{} rehearses on the one built in · ", self.key("rehearse")), theme.text);
                pen.put(why.to_string().trim_start_matches("no cluster: "), theme.quiet);
            }
            Reach::Answers { context, version, has } => {
                pen.put(&context.to_string(), theme.strong).skip(1).put(&version.to_string(), theme.quiet).skip(2);
                for (what, there) in has {
                    let (sign, style) = match there {
                        Some(true) => ("✓", theme.held),
                        Some(false) => ("–", theme.quiet),
                        None => ("?", theme.pending),
                    };
                    pen.put(what, if *there == Some(true) { theme.text } else { theme.quiet }).skip(1).put(sign, style).skip(2);
                }
                if !has.is_empty() {
                    pen.put("why: gameday doctor", theme.quiet);
                }
            }
        }
    }

    /// The lists, and what is marked beside them, or below.
    fn body(&self, area: Rect, buffer: &mut Buffer) {
        if area.width >= 98 {
            let left = Rect { width: (area.width - 3) / 2, ..area };
            let right = Rect { x: left.right() + 3, width: area.width - left.width - 3, ..area };
            self.lists(left, buffer);
            self.marked(right, buffer);
        } else {
            let (upper, lower) = split(area, area.height * 3 / 5);
            self.lists(upper, buffer);
            self.marked(split(lower, 1).1, buffer);
        }
    }

    fn key(&self, name: &str) -> String {
        let found = self.keys.of(Scope::Home).find(|binding| binding.act.name() == name);
        found.and_then(|binding| binding.keys.first()).map(ToString::to_string).unwrap_or_default()
    }

    /// Both lists below each other: the scenarios as far as they need, the runs in what is left.
    fn lists(&self, area: Rect, buffer: &mut Buffer) {
        let (drills, runs) = (self.lobby.drills(self.home), self.lobby.runs(self.home));
        let wanted = u16::try_from(drills.len() + 1).unwrap_or(u16::MAX).max(3);
        let below = u16::try_from(runs.len() + 2).unwrap_or(u16::MAX).min(5);
        let most = if self.lobby.list == List::Runs { area.height / 2 } else { area.height.saturating_sub(below).max(area.height / 2) };
        let (upper, lower) = split(area, wanted.min(most));
        let filter = if self.lobby.filter.is_empty() { String::new() } else { format!("/{} ", Untrusted::from(self.lobby.filter.text())) };
        let note = format!("{filter}{}", count(drills.len(), self.home.drills.len()));
        let inner = head(buffer, upper, self.theme, "scenarios", Some((&note, self.theme.quiet)));
        if drills.is_empty() && self.home.drills.is_empty() {
            let said = "none here: gameday new deployment/NAME writes one from a live workload";
            lines(buffer, inner, &wrap(said, inner.width, 2), self.theme.quiet);
        }
        self.list(inner, buffer, &drills, (self.lobby.drill, self.lobby.list == List::Drills), |drill, pen| self.drill(drill, pen));
        let note = count(runs.len(), self.home.runs.len());
        let inner = head(buffer, split(lower, 1).1, self.theme, "past runs", Some((&note, self.theme.quiet)));
        self.list(inner, buffer, &runs, (self.lobby.run, self.lobby.list == List::Runs), |run, pen| self.run(run, pen));
    }

    fn list<T>(&self, area: Rect, buffer: &mut Buffer, all: &[&T], (marked, here): (usize, bool), put: impl Fn(&T, &mut Pen<'_>)) {
        let marked = marked.min(all.len().saturating_sub(1));
        let from = (marked + 1).saturating_sub(usize::from(area.height));
        for (at, (index, one)) in (0..area.height).zip(all.iter().enumerate().skip(from)) {
            let area = row(area, at);
            let mut pen = Pen::new(buffer, area);
            pen.put(if index == marked { "▸" } else { " " }, if here { self.theme.accent } else { self.theme.line }).skip(1);
            put(one, &mut pen);
            if index == marked && here {
                buffer.set_style(area, self.theme.text.add_modifier(Modifier::REVERSED));
            }
        }
    }

    fn drill(&self, drill: &Drill, pen: &mut Pen<'_>) {
        let theme = self.theme;
        let Ok(scenario) = &drill.scenario else {
            pen.last("has mistakes", theme.broken);
            pen.put(&Untrusted::from(drill.file.display().to_string()).to_string(), theme.text);
            return;
        };
        match &drill.last {
            _ if self.running == Some(&scenario.name) => drop(pen.last("▶ runs now", theme.accent)),
            Some(last) => self.state(last, pen),
            None => drop(pen.last("never run", theme.quiet)),
        }
        let tier = scenario.environments.first().map_or_else(String::new, |environment| environment.tier.to_string());
        let name = Untrusted::from(scenario.name.as_str()).to_string();
        // who could be hurt stands there where there is room; that customers could, always
        let style = tier_style(theme, scenario);
        if style == theme.production || pen.room() > 44 {
            pen.last(&format!(" {tier} "), style);
        }
        let room = pen.room();
        pen.put(&cells::name(&name, room), theme.text);
    }

    /// The verdict of a run and when, at the right.
    fn state(&self, run: &PastRun, pen: &mut Pen<'_>) {
        let theme = self.theme;
        let ago = wording::home::ago(run.recorded, self.home.seen);
        let place = if run.rehearsal { "rehearsed".to_owned() } else { run.tier.to_string() };
        let (sign, word, style) = match run.state {
            State::Live => ("▶", "live".to_owned(), theme.accent),
            State::Cut => ("✗", "cut off".to_owned(), theme.broken),
            State::Ended(verdict) => {
                let word = verdict::word(verdict).to_lowercase();
                (verdict::sign(verdict), word, verdict::style(theme, verdict))
            }
        };
        pen.last(&format!("{place} {ago:>7}"), theme.quiet);
        pen.last(&format!(" {sign} {word}"), style);
    }

    fn run(&self, run: &PastRun, pen: &mut Pen<'_>) {
        self.state(run, pen);
        let id = run.id.raw().rsplit('-').next().unwrap_or_default().to_owned();
        pen.cell(&Untrusted::from(id).to_string(), 5, self.theme.quiet);
        let room = pen.room();
        pen.put(&cells::name(&run.drill.to_string(), room), self.theme.text);
    }

    /// All of what is marked.
    fn marked(&self, area: Rect, buffer: &mut Buffer) {
        if self.lobby.list == List::Runs {
            let Some(run) = self.lobby.runs(self.home).get(self.lobby.run).copied() else { return };
            let inner = head(buffer, area, self.theme, &run.id.to_string(), None);
            let state = match run.state {
                State::Live => "live: Enter looks on, read-only".to_owned(),
                State::Cut => "its process went before it ended: gameday recover undoes what is left".to_owned(),
                State::Ended(verdict) => wording::verdict(verdict).to_owned(),
            };
            let place = if run.rehearsal { "a rehearsal".to_owned() } else { format!("on a cluster, {}", run.tier) };
            let told = [
                run.drill.to_string(),
                state,
                format!("{place}, begun {}", run.recorded.format("%Y-%m-%d %H:%M UTC")),
                Untrusted::from(run.folder.display().to_string()).to_string(),
            ];
            let told: Vec<String> = told.iter().flat_map(|line| wrap(line, inner.width, 3)).collect();
            lines(buffer, inner, &told, self.theme.text);
            return;
        }
        let Some(drill) = self.lobby.marked(self.home) else { return };
        let file = Untrusted::from(drill.file.display().to_string()).to_string();
        match &drill.scenario {
            Ok(scenario) => self.scenario(drill, scenario, &file, area, buffer),
            Err(why) => {
                let inner = head(buffer, area, self.theme, &file, Some(("has mistakes", self.theme.broken)));
                lines(buffer, inner, &wrap(&why.to_string(), inner.width, usize::from(inner.height)), self.theme.text);
            }
        }
    }

    fn scenario(&self, drill: &Drill, scenario: &Scenario, file: &str, area: Rect, buffer: &mut Buffer) {
        let theme = self.theme;
        let safe = |text: &str| Untrusted::from(text).to_string();
        let inner = head(buffer, area, theme, &safe(&scenario.title), None);
        let mut told: Vec<(String, Style)> = Vec::new();
        let mut tell = |text: &str, indent: &str, style: Style| {
            let wrapped = wrap(text, inner.width.saturating_sub(cells::width(indent)), 3);
            told.extend(wrapped.into_iter().map(|line| (format!("{indent}{line}"), style)));
        };
        tell(&safe(&scenario.hypothesis), "", theme.strong);
        tell(file, "", theme.quiet);
        let targets: Vec<String> = scenario.targets.iter().map(|target| safe(&target.to_string())).collect();
        let places: Vec<String> = scenario
            .environments
            .iter()
            .map(|place| {
                let context = place.context.as_deref().map_or_else(String::new, |context| format!(", context {}", safe(context)));
                format!("{} (tier {}{context})", safe(&place.name), place.tier)
            })
            .collect();
        tell(&format!("target: {}", targets.join(", ")), "", theme.text);
        tell(&format!("places: {}", places.join(", ")), "", theme.text);
        let rungs = RUNGS.into_iter().zip(drill.graduation.map(|held| held.map(|held| (held.recorded, held.same))));
        tell(&wording::home::graduation(rungs, self.home.seen), "", theme.text);
        for aim in self.home.aims.get(&drill.file).into_iter().flatten() {
            tell(&wording::home::aim(&aim.step, &aim.pods), "", if aim.pods.is_ok() { theme.text } else { theme.pending });
        }
        tell("steps:", "", theme.quiet);
        for (index, step) in scenario.steps.iter().enumerate() {
            tell(&format!("{}. {}: {}", index + 1, safe(&step.name), wording::preflight::action(step)), "  ", theme.text);
        }
        tell("held if:", "", theme.quiet);
        for criterion in &scenario.criteria {
            tell(&safe(&criterion.name), "  ", theme.text);
        }
        if !scenario.stop_when.is_empty() {
            tell("stopped by itself if:", "", theme.quiet);
            for stop in &scenario.stop_when {
                tell(&safe(&stop.name), "  ", theme.text);
            }
        }
        for (index, (line, style)) in (0..inner.height).zip(&told) {
            Pen::new(buffer, row(inner, index)).put(line, *style);
        }
    }

    fn help(&self, area: Rect, buffer: &mut Buffer) {
        let inner = head(buffer, area, self.theme, "keys that work here", None);
        for (at, binding) in (0..inner.height).zip(self.keys.of(Scope::Home)) {
            let keys: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
            Pen::new(buffer, row(inner, at)).cell(&keys.join("  "), 16, self.theme.accent).put(binding.says, self.theme.text);
        }
    }

    fn last(&self, area: Rect, buffer: &mut Buffer) {
        let theme = self.theme;
        let mut pen = Pen::new(buffer, area);
        if let Some(text) = &self.lobby.writing {
            if let Some(why) = self.lobby.filter.wrong() {
                pen.last(&Untrusted::from(why).to_string(), theme.broken);
            }
            pen.put("/", theme.accent).put(&Untrusted::from(text.as_str()).to_string(), theme.text).put("▏", theme.accent);
            return;
        }
        if let Some(said) = &self.lobby.said {
            pen.put(&Untrusted::from(said.as_str()).to_string(), theme.broken);
            return;
        }
        for binding in self.keys.of(Scope::Home).filter(|binding: &&Binding| !binding.word.is_empty()) {
            let key = binding.keys.first().map(ToString::to_string).unwrap_or_default();
            if cells::width(&key) + cells::width(binding.word) < pen.room() {
                pen.put(&key, theme.accent).skip(1).put(binding.word, theme.quiet).skip(2);
            }
        }
    }
}

fn count(shown: usize, all: usize) -> String {
    if shown == all { all.to_string() } else { format!("{shown} of {all}") }
}

fn tier_style(theme: &Theme, scenario: &Scenario) -> Style {
    let production = scenario.environments.first().is_some_and(|environment| environment.tier == Tier::Production);
    if production { theme.production } else { theme.quiet }
}
