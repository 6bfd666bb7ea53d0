//! The command line `:`: every command that works now, found by its name.

use crate::command::Command;
use crate::effect::Danger;
use crate::run::Run;
use crate::text::Untrusted;
use crate::tui::filter::{Filter, fuzzy};
use crate::tui::hands::{Deed, Hands, Open};
use crate::tui::keys::Act;

/// How many lines that were given are known again.
const REMEMBERED: usize = 50;

/// Other names for commands, as other tools have them.
const ALSO: [(&str, Act); 4] = [("q", Act::Quit), ("quit", Act::Quit), ("abort", Act::Stop), ("undo", Act::Stop)];

/// What is being written, and which of the commands it may mean is marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// What is written.
    pub text: String,
    /// Which of the choices is marked; none before a key has marked one.
    pub marked: Option<usize>,
    /// Which line given before is shown again, from the newest.
    pub again: Option<usize>,
    /// Why the line could not be obeyed.
    pub wrong: Option<String>,
}

/// A command that may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What it does.
    pub act: Act,
    /// Its name.
    pub name: &'static str,
    /// Its first key, as it stands on the key; empty where it has none.
    pub key: String,
    /// What it does, in words.
    pub says: &'static str,
    /// What it can do to the world.
    pub danger: Danger,
}

/// The commands that a line may mean, the likeliest first.
#[must_use]
pub fn choices(hands: &Hands, run: &Run, text: &str) -> Vec<Choice> {
    let word = text.split_whitespace().next().unwrap_or_default().to_lowercase();
    let mut found: Vec<(u8, Choice)> = Vec::new();
    for binding in hands.keys.of(hands.place(run)).filter(|binding| hands.offers(binding.act, run)) {
        let (act, name) = (binding.act, binding.act.name());
        let known = found.iter().any(|(_, choice)| choice.act == act);
        if known || matches!(act, Act::Interrupt | Act::Close | Act::Palette) {
            continue;
        }
        let also = ALSO.iter().any(|(other, of)| *of == act && *other == word);
        let rank = match () {
            () if word.is_empty() => 3,
            () if name == word || also => 0,
            () if name.starts_with(&word) => 1,
            () if name.contains(&word) => 2,
            () if fuzzy(&word, name) => 3,
            () if binding.says.to_lowercase().contains(&word) => 4,
            () => continue,
        };
        let key = binding.keys.first().map(ToString::to_string).unwrap_or_default();
        found.push((rank, Choice { act, name, key, says: binding.says, danger: binding.danger }));
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, choice)| choice).collect()
}

impl Hands {
    /// Writes the name of the marked command out, or of the next where it is written out already.
    pub(super) fn complete(&mut self, run: &Run) {
        let Some(Open::Palette(palette)) = &self.open else { return };
        let found = choices(self, run, &palette.text);
        let marked = palette.marked.unwrap_or(0).min(found.len().saturating_sub(1));
        let Some(choice) = found.get(marked) else { return };
        if let Some(Open::Palette(palette)) = &mut self.open {
            let rest = palette.text.split_once(' ').map_or(String::new(), |(_, rest)| format!(" {rest}"));
            *palette = Palette { text: format!("{}{rest}", choice.name), ..Palette::default() };
        }
    }

    /// Marks another command; with nothing written, shows the line given before.
    pub(super) fn mark(&mut self, run: &Run, up: bool) {
        let Some(Open::Palette(palette)) = &self.open else { return };
        let recalls = palette.again.is_some() || (up && palette.text.is_empty() && palette.marked.is_none());
        if recalls && !self.given.is_empty() {
            let last = self.given.len() - 1;
            let again = match (palette.again, up) {
                (None, _) => Some(0),
                (Some(at), true) => Some((at + 1).min(last)),
                (Some(at), false) => at.checked_sub(1),
            };
            let text = again.map_or_else(String::new, |at| self.given[last - at].clone());
            self.open = Some(Open::Palette(Palette { text, again, ..Palette::default() }));
            return;
        }
        let last = choices(self, run, &palette.text).len().saturating_sub(1);
        if let Some(Open::Palette(palette)) = &mut self.open {
            palette.marked = Some(match (palette.marked, up) {
                (None, true) => last,
                (None, false) => 0,
                (Some(at), true) => at.saturating_sub(1),
                (Some(at), false) => (at + 1).min(last),
            });
        }
    }

    /// Obeys the line. What breaks has to be written out, or marked: it is completed first.
    pub(super) fn obey(&mut self, run: &Run) -> Option<Deed> {
        let Some(Open::Palette(palette)) = self.open.clone() else { return None };
        let text = palette.text.trim().to_owned();
        if text.is_empty() && palette.marked.is_none() {
            self.open = None;
            return Some(Deed::Draw);
        }
        let (word, rest) = text.split_once(char::is_whitespace).map_or((text.as_str(), ""), |(word, rest)| (word, rest.trim()));
        let found = choices(self, run, &text);
        let Some(choice) = found.get(palette.marked.unwrap_or(0)) else {
            let wrong = Some(format!("{}: no command works here that is called so", Untrusted::from(word)));
            self.open = Some(Open::Palette(Palette { wrong, ..palette }));
            return Some(Deed::Draw);
        };
        if choice.danger != Danger::None && palette.marked.is_none() && choice.name != word && !ALSO.iter().any(|(also, _)| *also == word) {
            self.complete(run);
            return Some(Deed::Draw);
        }
        self.remember(if rest.is_empty() { choice.name.to_owned() } else { text.clone() });
        self.open = None;
        match choice.act {
            Act::Note if !rest.is_empty() => {
                let (author, text) = (Untrusted::from(self.author.as_str()), Untrusted::from(rest));
                Some(Deed::Command(Command::Note { author, text }))
            }
            Act::Filter if !rest.is_empty() => {
                self.filter_by(Filter::of(rest));
                Some(Deed::Draw)
            }
            act => self.act(act, run).or(Some(Deed::Draw)),
        }
    }

    fn remember(&mut self, line: String) {
        self.given.retain(|known| *known != line);
        self.given.push(line);
        if self.given.len() > REMEMBERED {
            self.given.remove(0);
        }
    }
}
