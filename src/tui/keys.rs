//! The one key table: it feeds dispatch, key line and help.
//!
//! Nobody else knows a key. A binding says what is done, by which keys, in which words, where, and
//! what it can do to the world.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::effect::Danger;
use crate::seat::Play;

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

/// A screen with a number of its own.
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
    /// In help and other things to read.
    Reading,
}

/// All scopes.
pub const SCOPES: [Scope; 10] = [
    Scope::Before,
    Scope::Live,
    Scope::Undoing,
    Scope::Over,
    Scope::Refused,
    Scope::Watching,
    Scope::Replaying,
    Scope::Ask,
    Scope::Writing,
    Scope::Reading,
];
/// Where the leader's hands are, or may be.
const LEADING: &[Scope] =
    &[Scope::Before, Scope::Live, Scope::Undoing, Scope::Over, Scope::Refused, Scope::Ask, Scope::Writing, Scope::Reading];
/// Where a run is looked at, once it has begun.
const SEEN: &[Scope] = &[Scope::Live, Scope::Undoing, Scope::Over, Scope::Watching, Scope::Replaying];

/// One key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A character; Shift is part of it.
    Char(char),
    /// A character with Ctrl.
    Ctrl(char),
    /// Another key.
    Code(KeyCode),
}

impl Key {
    /// Whether this event is this key.
    #[must_use]
    pub fn is(self, event: KeyEvent) -> bool {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        match self {
            Key::Char(c) => !ctrl && !alt && event.code == KeyCode::Char(c),
            Key::Ctrl(c) => ctrl && matches!(event.code, KeyCode::Char(pressed) if pressed.eq_ignore_ascii_case(&c)),
            Key::Code(code) => !alt && event.code == code,
        }
    }
}

/// As it stands on the key: `a`, `Ctrl-C`, `PgDn`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Char(' ') => f.write_str("Space"),
            Key::Char(c) => write!(f, "{c}"),
            Key::Ctrl(c) => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Key::Code(KeyCode::F(n)) => write!(f, "F{n}"),
            Key::Code(KeyCode::Down) => f.write_str("↓"),
            Key::Code(KeyCode::Up) => f.write_str("↑"),
            Key::Code(KeyCode::Left) => f.write_str("←"),
            Key::Code(KeyCode::Right) => f.write_str("→"),
            Key::Code(KeyCode::PageDown) => f.write_str("PgDn"),
            Key::Code(KeyCode::PageUp) => f.write_str("PgUp"),
            Key::Code(KeyCode::BackTab) => f.write_str("Shift-Tab"),
            Key::Code(code) => write!(f, "{code}"),
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What is done.
    pub act: Act,
    /// By which keys; the first stands in the key line.
    pub keys: &'static [Key],
    /// Its word in the key line; empty keeps it out of there.
    pub word: &'static str,
    /// What it does, for help.
    pub says: &'static str,
    /// Where it works.
    pub scopes: &'static [Scope],
    /// What it can do to the world.
    pub danger: Danger,
}

const fn bind(act: Act, keys: &'static [Key], scopes: &'static [Scope], word: &'static str, says: &'static str) -> Binding {
    Binding { act, keys, word, says, scopes, danger: Danger::None }
}

const fn show(screen: Screen, keys: &'static [Key], word: &'static str, says: &'static str) -> Binding {
    bind(Act::Show(screen), keys, SEEN, word, says)
}

const fn play(wish: Play, keys: &'static [Key], word: &'static str, says: &'static str) -> Binding {
    bind(Act::Play(wish), keys, &[Scope::Replaying], word, says)
}

const fn danger(danger: Danger, binding: Binding) -> Binding {
    Binding { danger, ..binding }
}

/// The key table.
pub const TABLE: &[Binding] = &[
    danger(
        Danger::Breaks,
        bind(Act::Start, &[Key::Code(KeyCode::Enter)], &[Scope::Before], "start", "start the run: from here on it may break things"),
    ),
    danger(
        Danger::Writes,
        bind(
            Act::Stop,
            &[Key::Char('!'), Key::Code(KeyCode::F(12))],
            &[Scope::Before, Scope::Live, Scope::Undoing, Scope::Ask, Scope::Reading],
            "",
            "stop the run and undo everything; asks once",
        ),
    ),
    danger(
        Danger::Writes,
        bind(Act::Stop, &[Key::Code(KeyCode::F(12))], &[Scope::Writing], "stop", "stop the run and undo everything; asks once"),
    ),
    danger(Danger::Writes, bind(Act::Interrupt, &[Key::Ctrl('c')], LEADING, "", "stop and undo; twice while undoing: leave at once")),
    bind(
        Act::NextCheck,
        &[Key::Code(KeyCode::Down), Key::Char('j')],
        &[Scope::Before, Scope::Refused],
        "next check",
        "preflight: the next check, in whole",
    ),
    bind(
        Act::LastCheck,
        &[Key::Code(KeyCode::Up), Key::Char('k')],
        &[Scope::Before, Scope::Refused],
        "",
        "preflight: the check before, in whole",
    ),
    bind(
        Act::MoreOfCheck,
        &[Key::Code(KeyCode::PageDown), Key::Ctrl('d')],
        &[Scope::Before, Scope::Refused],
        "",
        "preflight: more of a check that is longer than the screen",
    ),
    bind(
        Act::LessOfCheck,
        &[Key::Code(KeyCode::PageUp), Key::Ctrl('u')],
        &[Scope::Before, Scope::Refused],
        "",
        "preflight: back to the beginning of that check",
    ),
    bind(
        Act::Passed,
        &[Key::Char('p')],
        &[Scope::Before, Scope::Refused, Scope::Watching, Scope::Replaying],
        "passed",
        "preflight: show or fold the checks that passed",
    ),
    bind(Act::Note, &[Key::Char('a')], &[Scope::Before, Scope::Live, Scope::Undoing], "note", "write a note into timeline and report"),
    bind(
        Act::Runbook,
        &[Key::Char('o')],
        &[Scope::Before, Scope::Live, Scope::Undoing, Scope::Over, Scope::Refused, Scope::Watching, Scope::Replaying],
        "runbook",
        "show the runbook, and open it where a browser is",
    ),
    danger(
        Danger::Writes,
        bind(Act::Skip, &[Key::Char('>')], &[Scope::Live], "skip step", "skip the rest of this step, undo what it broke; asks once"),
    ),
    danger(
        Danger::Breaks,
        bind(
            Act::GoOn,
            &[Key::Code(KeyCode::Enter)],
            &[Scope::Live],
            "go on",
            "let the step that waits begin, or say that a person's step is done; asks once",
        ),
    ),
    danger(
        Danger::Writes,
        bind(Act::Failed, &[Key::Char('f')], &[Scope::Ask], "failed", "a person's step could not be done: the run ends"),
    ),
    play(Play::Pause, &[Key::Char(' ')], "pause", "stand still, or go on; at the end: once more"),
    play(Play::LastMoment, &[Key::Char('N')], "", "to the line of the timeline before"),
    play(Play::NextMoment, &[Key::Char('n')], "next", "to the next line of the timeline"),
    play(Play::Back, &[Key::Code(KeyCode::Left), Key::Char('b')], "back 5 s", "five seconds back"),
    play(Play::Forward, &[Key::Code(KeyCode::Right), Key::Char('f')], "", "five seconds on"),
    play(Play::Slower, &[Key::Char('-')], "", "slower"),
    play(Play::Faster, &[Key::Char('+'), Key::Char('=')], "faster", "faster"),
    play(Play::Start, &[Key::Char('^'), Key::Char('0')], "", "to the beginning"),
    play(Play::End, &[Key::Char('$')], "", "to the end"),
    bind(Act::NextChart, &[Key::Code(KeyCode::Tab)], SEEN, "chart", "show the next chart"),
    bind(Act::LastChart, &[Key::Code(KeyCode::BackTab)], SEEN, "", "show the chart before"),
    bind(Act::Down, &[Key::Char('j'), Key::Code(KeyCode::Down)], SEEN, "", "a line down: timeline, pods"),
    bind(Act::Up, &[Key::Char('k'), Key::Code(KeyCode::Up)], SEEN, "older", "a line up: timeline, pods"),
    bind(Act::PageDown, &[Key::Code(KeyCode::PageDown), Key::Ctrl('d')], SEEN, "", "a page down"),
    bind(Act::PageUp, &[Key::Code(KeyCode::PageUp), Key::Ctrl('u')], SEEN, "", "a page up"),
    bind(Act::Top, &[Key::Char('g'), Key::Code(KeyCode::Home)], SEEN, "", "the first line"),
    bind(Act::Bottom, &[Key::Char('G'), Key::Code(KeyCode::End)], SEEN, "", "the last line; the timeline is followed again"),
    bind(
        Act::Help,
        &[Key::Char('?'), Key::Char('h')],
        &[Scope::Before, Scope::Live, Scope::Undoing, Scope::Over, Scope::Refused, Scope::Watching, Scope::Replaying],
        "help",
        "this list",
    ),
    bind(
        Act::Quit,
        &[Key::Char('q')],
        &[Scope::Before, Scope::Live, Scope::Undoing, Scope::Over, Scope::Refused],
        "leave",
        "leave; asks while a run is live",
    ),
    bind(Act::Quit, &[Key::Char('q'), Key::Ctrl('c')], &[Scope::Watching, Scope::Replaying], "leave", "leave; the run is not touched"),
    show(Screen::Cockpit, &[Key::Char('1')], "cockpit", "screen: everything at a glance"),
    show(Screen::Pods, &[Key::Char('2')], "pods", "screen: every pod, and why one is not back"),
    show(Screen::Faults, &[Key::Char('3')], "faults", "screen: every fault with its victims, finalizers and end"),
    show(Screen::Metrics, &[Key::Char('4')], "metrics", "screen: every chart"),
    show(Screen::Timeline, &[Key::Char('5')], "timeline", "screen: all that happened"),
    show(Screen::Findings, &[Key::Char('6')], "findings", "screen: what the run found, once it is over"),
    bind(Act::Confirm, &[Key::Code(KeyCode::Enter)], &[Scope::Ask], "yes", "yes"),
    bind(Act::Close, &[Key::Code(KeyCode::Esc), Key::Char('q')], &[Scope::Ask, Scope::Reading], "back", "back, nothing is done"),
    bind(
        Act::Close,
        &[Key::Code(KeyCode::Esc)],
        &[Scope::Live, Scope::Undoing, Scope::Over, Scope::Refused, Scope::Before, Scope::Watching, Scope::Replaying, Scope::Writing],
        "",
        "back; never leaves",
    ),
    bind(Act::Close, &[Key::Char('?'), Key::Char('h')], &[Scope::Reading], "", "close help"),
    bind(Act::Send, &[Key::Code(KeyCode::Enter)], &[Scope::Writing], "write it down", "write the note down"),
    bind(Act::Erase, &[Key::Code(KeyCode::Backspace)], &[Scope::Writing], "", "take back a character"),
    bind(Act::Clear, &[Key::Ctrl('u')], &[Scope::Writing], "", "take back all"),
];

/// What a key does in a scope.
#[must_use]
pub fn find(scope: Scope, event: KeyEvent) -> Option<&'static Binding> {
    TABLE.iter().find(|binding| binding.scopes.contains(&scope) && binding.keys.iter().any(|key| key.is(event)))
}

/// The bindings of a scope, in the table's order.
pub fn of(scope: Scope) -> impl Iterator<Item = &'static Binding> {
    TABLE.iter().filter(move |binding| binding.scopes.contains(&scope))
}

/// The first key of what is done in a scope, as it stands on the key.
#[must_use]
pub fn key(scope: Scope, act: Act) -> String {
    of(scope).find(|binding| binding.act == act).and_then(|binding| binding.keys.first()).map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn table_should_bind_each_key_once_in_a_scope() {
        for scope in SCOPES {
            let mut seen = BTreeSet::new();
            for binding in of(scope) {
                for key in binding.keys {
                    assert!(seen.insert(key.to_string()), "{key} does two things in {scope:?}");
                }
            }
        }
    }

    #[test]
    fn table_should_let_stop_and_interrupt_be_reached_wherever_a_run_can_be_live() {
        for scope in [Scope::Before, Scope::Live, Scope::Undoing, Scope::Ask, Scope::Writing, Scope::Reading] {
            for act in [Act::Stop, Act::Interrupt] {
                assert!(of(scope).any(|binding| binding.act == act), "no {act:?} in {scope:?}");
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
    fn table_should_say_what_each_binding_does() {
        for binding in TABLE {
            assert!(!binding.says.is_empty() && !binding.keys.is_empty() && !binding.scopes.is_empty(), "{binding:?}");
        }
    }
}
