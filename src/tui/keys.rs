//! The one key table: it feeds dispatch, key line and help.
//!
//! Nobody else knows a key; the settings may bind others ([`Keys`]). A binding says what is done, by which keys, in which words, where, and
//! what it can do to the world.

mod bound;
mod key;
mod table;

use crate::face::look::Aspect;
use crate::seat::Play;
use crate::tui::roster::Column;
use crate::tui::zoom::Turn;

pub use crate::tui::keys::bound::{KEPT, Keys};
pub use crate::tui::keys::key::Key;
pub use crate::tui::keys::table::{Binding, TABLE};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// Begin the run.
    Start,
    /// Open the dialog that stops and undoes.
    Stop,
    /// Ctrl-C: stop and undo; again while undoing: leave.
    Interrupt,
    /// Open the line for a note.
    Note,
    /// Open the runbook.
    Runbook,
    /// Open the question whether the step that waits may begin, or is done.
    GoOn,
    /// Say that a person's step could not be done.
    Failed,
    /// Open the question whether to skip the rest of the step.
    Skip,
    /// The next chart.
    NextChart,
    /// The chart before.
    LastChart,
    /// The cockpit in letters that are read from afar, or not.
    BigType,
    /// Move in the charts.
    Chart(Turn),
    /// One line down the timeline.
    Down,
    /// One line up.
    Up,
    /// A page down.
    PageDown,
    /// A page up.
    PageUp,
    /// The oldest line.
    Top,
    /// The newest line, and follow.
    Bottom,
    /// The next check of the preflight.
    NextCheck,
    /// The check before.
    LastCheck,
    /// More of a check that is longer than the screen.
    MoreOfCheck,
    /// Back to its beginning.
    LessOfCheck,
    /// Show or fold the checks that passed.
    Passed,
    /// Show a screen.
    Show(Screen),
    /// Open the command line.
    Palette,
    /// Write the marked command out.
    Complete,
    /// Mark the next command.
    NextChoice,
    /// Mark the one before, or show the line given before.
    LastChoice,
    /// Do what the command line says.
    Obey,
    /// Write a filter.
    Filter,
    /// Sort the pods by a column.
    Sort(Column),
    /// Let the picture stand still while the run goes on.
    Freeze,
    /// Copy what is marked.
    Copy,
    /// Look at a pod.
    Look(Aspect),
    /// Wrap long lines of what is looked at, or cut them.
    Wrap,
    /// Home: open what is marked.
    Open,
    /// Home: rehearse the marked scenario.
    Rehearse,
    /// The scenario in the editor: at home the marked one, in the cockpit that of the run.
    Edit,
    /// Home: from the scenarios to the runs and back.
    NextList,
    /// Back home; while the run goes on, a look there.
    Home,
    /// Move in a recorded run.
    Play(Play),
    /// Help.
    Help,
    /// Leave; asks while a run is live.
    Quit,
    /// Yes, in a dialog.
    Confirm,
    /// Close what is open.
    Close,
    /// Write the note down.
    Send,
    /// Take back a character of the note.
    Erase,
    /// Take back all of the note.
    Clear,
}

impl Act {
    /// Its name in the settings and in the palette.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Act::Start => "start",
            Act::Stop => "stop",
            Act::Interrupt => "interrupt",
            Act::Note => "note",
            Act::Runbook => "runbook",
            Act::GoOn => "go-on",
            Act::Failed => "failed",
            Act::Skip => "skip-step",
            Act::NextChart => "next-chart",
            Act::LastChart => "last-chart",
            Act::BigType => "big-type",
            Act::Chart(Turn::CursorBack) => "cursor-back",
            Act::Chart(Turn::CursorOn) => "cursor-on",
            Act::Chart(Turn::In) => "zoom-in",
            Act::Chart(Turn::Out) => "zoom-out",
            Act::Chart(Turn::PanBack) => "pan-back",
            Act::Chart(Turn::PanOn) => "pan-on",
            Act::Chart(Turn::Whole) => "whole-chart",
            Act::Down => "down",
            Act::Up => "up",
            Act::PageDown => "page-down",
            Act::PageUp => "page-up",
            Act::Top => "top",
            Act::Bottom => "bottom",
            Act::NextCheck => "next-check",
            Act::LastCheck => "last-check",
            Act::MoreOfCheck => "more-of-check",
            Act::LessOfCheck => "less-of-check",
            Act::Passed => "passed",
            Act::Show(Screen::Cockpit) => "cockpit",
            Act::Show(Screen::Pods) => "pods",
            Act::Show(Screen::Faults) => "faults",
            Act::Show(Screen::Metrics) => "metrics",
            Act::Show(Screen::Timeline) => "timeline",
            Act::Show(Screen::Findings) => "findings",
            Act::Show(Screen::Preflight) => "preflight",
            Act::Show(Screen::Home) => "home-screen",
            Act::Palette => "command-line",
            Act::Complete => "complete",
            Act::NextChoice => "next-choice",
            Act::LastChoice => "last-choice",
            Act::Obey => "obey",
            Act::Filter => "filter",
            Act::Sort(Column::Name) => "sort-by-name",
            Act::Sort(Column::State) => "sort-by-state",
            Act::Sort(Column::Ready) => "sort-by-ready",
            Act::Sort(Column::Restarts) => "sort-by-restarts",
            Act::Sort(Column::Age) => "sort-by-age",
            Act::Freeze => "freeze",
            Act::Copy => "copy",
            Act::Look(Aspect::Details) => "details",
            Act::Look(Aspect::Yaml) => "yaml",
            Act::Look(Aspect::Logs) => "logs",
            Act::Wrap => "wrap",
            Act::Open => "open",
            Act::Rehearse => "rehearse",
            Act::Edit => "edit",
            Act::NextList => "next-list",
            Act::Home => "home",
            Act::Play(Play::Pause) => "pause",
            Act::Play(Play::Faster) => "faster",
            Act::Play(Play::Slower) => "slower",
            Act::Play(Play::Back) => "back-5s",
            Act::Play(Play::Forward) => "on-5s",
            Act::Play(Play::NextMoment) => "next-moment",
            Act::Play(Play::LastMoment) => "last-moment",
            Act::Play(Play::Start) => "to-start",
            Act::Play(Play::End) => "to-end",
            Act::Help => "help",
            Act::Quit => "leave",
            Act::Confirm => "confirm",
            Act::Close => "close",
            Act::Send => "send",
            Act::Erase => "erase",
            Act::Clear => "clear",
        }
    }
}

impl Scope {
    /// Where that is, in words.
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Scope::Before => "preflight",
            Scope::Live => "live",
            Scope::Undoing => "undo",
            Scope::Over => "findings",
            Scope::Refused => "refused",
            Scope::Watching => "watch",
            Scope::Replaying => "replay",
            Scope::Ask => "question",
            Scope::Writing => "writing",
            Scope::Choosing => "command line",
            Scope::Home => "home",
            Scope::Reading => "reading",
            Scope::Looking => "pod",
        }
    }
}

/// A screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Screen {
    /// Everything at a glance.
    Cockpit,
    /// Every pod of the targets, and why those that are not back are not.
    Pods,
    /// Every fault with all its victims.
    Faults,
    /// Every chart.
    Metrics,
    /// All that happened.
    Timeline,
    /// What the run found, once it is over.
    Findings,
    /// The checklist that it began with: has no number.
    Preflight,
    /// Scenarios and past runs, while the run goes on: has no number, and opens nothing.
    Home,
}

/// Where a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Before the start.
    Before,
    /// While the run is live.
    Live,
    /// While everything is undone.
    Undoing,
    /// After the end.
    Over,
    /// After the end of a run that was not let start.
    Refused,
    /// While somebody looks on who does not lead the run.
    Watching,
    /// While a recorded run is played.
    Replaying,
    /// In a question.
    Ask,
    /// While a note is written.
    Writing,
    /// On the command line.
    Choosing,
    /// Before there is a run: among scenarios and past runs.
    Home,
    /// In help and other things to read.
    Reading,
    /// In a pod's details, YAML or logs.
    Looking,
}

/// All scopes.
pub const SCOPES: [Scope; 13] = [
    Scope::Before,
    Scope::Live,
    Scope::Undoing,
    Scope::Over,
    Scope::Refused,
    Scope::Watching,
    Scope::Replaying,
    Scope::Ask,
    Scope::Writing,
    Scope::Choosing,
    Scope::Reading,
    Scope::Looking,
    Scope::Home,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Danger;
    use std::collections::BTreeSet;

    #[test]
    fn table_should_bind_each_key_once_in_a_scope() {
        for scope in SCOPES {
            let mut seen = BTreeSet::new();
            for binding in Keys::default().of(scope) {
                for key in binding.keys.iter() {
                    assert!(seen.insert(key.to_string()), "{key} does two things in {scope:?}");
                }
            }
        }
    }

    #[test]
    fn table_should_let_stop_and_interrupt_be_reached_wherever_a_run_can_be_live() {
        for scope in
            [Scope::Before, Scope::Live, Scope::Undoing, Scope::Ask, Scope::Writing, Scope::Choosing, Scope::Reading, Scope::Looking]
        {
            for act in [Act::Stop, Act::Interrupt] {
                assert!(Keys::default().of(scope).any(|binding| binding.act == act), "no {act:?} in {scope:?}");
            }
        }
    }

    #[test]
    fn table_should_keep_the_fingers_of_others_from_harm() {
        // k9s: Ctrl-D deletes, Ctrl-K kills; trippy: Ctrl-R clears. Nothing of the kind here.
        for (c, harmless) in [('d', true), ('k', true), ('r', true)] {
            for binding in TABLE.iter().filter(|binding| binding.keys.contains(&Key::Ctrl(c))) {
                assert_eq!(binding.danger == Danger::None, harmless, "{binding:?}");
            }
        }
    }

    #[test]
    fn table_should_leave_the_numbers_of_screens_to_come_free() {
        assert_eq!(
            KEPT.map(|(key, screen)| (key.to_string(), screen)),
            [("7", "drills"), ("8", "cost"), ("9", "people")].map(|(key, screen)| (key.to_owned(), screen))
        );
        for scope in SCOPES {
            for (key, screen) in KEPT {
                let taken = Keys::default().find(scope, key.into()).map(|binding| binding.act);
                assert_eq!(taken, None, "{key} is kept for {screen}, in {scope:?}, too");
            }
        }
    }

    #[test]
    fn table_should_say_what_each_binding_does() {
        for binding in TABLE {
            // what has no number is reached by the command line alone
            let keyless = matches!(binding.act, Act::Show(Screen::Preflight) | Act::Home);
            assert!(!binding.says.is_empty() && binding.keys.is_empty() == keyless && !binding.scopes.is_empty(), "{binding:?}");
        }
    }

    #[test]
    fn acts_should_each_have_a_name_of_their_own() {
        let acts: BTreeSet<Act> = TABLE.iter().map(|binding| binding.act).collect();
        let names: BTreeSet<&str> = acts.iter().map(|act| act.name()).collect();
        assert_eq!(acts.len(), names.len());
    }

    #[test]
    fn keys_should_be_read_as_they_are_told() {
        for key in TABLE.iter().flat_map(|binding| binding.keys.iter()) {
            let told = match key.to_string().as_str() {
                "↓" => "Down".to_owned(),
                "↑" => "Up".to_owned(),
                "←" => "Left".to_owned(),
                "→" => "Right".to_owned(),
                told => told.to_owned(),
            };
            assert_eq!(told.parse(), Ok(*key));
        }
        for bad in ["", "Ctrl-", "Ctrl-M", "F13", "Alt-x", "xx", "\u{1b}", "\t"] {
            assert!(bad.parse::<Key>().is_err(), "{bad:?}");
        }
    }
}
