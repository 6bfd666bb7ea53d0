//! The key table itself: what is done, by which keys, in which words, where, and what it can do to the world.

use std::borrow::Cow;

use crossterm::event::KeyCode;

use crate::effect::Danger;
use crate::face::look::Aspect;
use crate::seat::Play;
use crate::tui::keys::key::Key;
use crate::tui::keys::{Act, Scope, Screen};
use crate::tui::roster::Column;
use crate::tui::zoom::Turn;

/// Where the leader's hands are, or may be.
const LEADING: &[Scope] = &[
    Scope::Before,
    Scope::Live,
    Scope::Undoing,
    Scope::Over,
    Scope::Refused,
    Scope::Ask,
    Scope::Writing,
    Scope::Choosing,
    Scope::Reading,
    Scope::Looking,
];
/// Wherever nothing is open.
const ANYWHERE: &[Scope] = &[Scope::Before, Scope::Live, Scope::Undoing, Scope::Over, Scope::Refused, Scope::Watching, Scope::Replaying];
/// Where a run is looked at, once it has begun.
const SEEN: &[Scope] = &[Scope::Live, Scope::Undoing, Scope::Over, Scope::Watching, Scope::Replaying];

/// Where a run is looked at while it goes on, or after its end, but not played.
const HERE: &[Scope] = &[Scope::Live, Scope::Undoing, Scope::Over, Scope::Watching];

/// Where the leader can look at a pod.
const POD: &[Scope] = &[Scope::Live, Scope::Undoing, Scope::Over, Scope::Looking];

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What is done.
    pub act: Act,
    /// By which keys; the first stands in the key line.
    pub keys: Cow<'static, [Key]>,
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
    Binding { act, keys: Cow::Borrowed(keys), word, says, scopes, danger: Danger::None }
}

const fn show(screen: Screen, keys: &'static [Key], word: &'static str, says: &'static str) -> Binding {
    bind(Act::Show(screen), keys, SEEN, word, says)
}

const fn looking(act: Act, keys: &'static [Key], word: &'static str, says: &'static str) -> Binding {
    bind(act, keys, &[Scope::Looking], word, says)
}

const fn home(act: Act, keys: &'static [Key], word: &'static str, says: &'static str) -> Binding {
    bind(act, keys, &[Scope::Home], word, says)
}

const fn play(wish: Play, keys: &'static [Key], word: &'static str, says: &'static str) -> Binding {
    bind(Act::Play(wish), keys, &[Scope::Replaying], word, says)
}

const fn turn(turn: Turn, keys: &'static [Key], scopes: &'static [Scope], says: &'static str) -> Binding {
    bind(Act::Chart(turn), keys, scopes, "", says)
}

const fn danger(danger: Danger, mut binding: Binding) -> Binding {
    binding.danger = danger;
    binding
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
            &[Scope::Before, Scope::Live, Scope::Undoing, Scope::Ask, Scope::Reading, Scope::Looking],
            "stop",
            "stop the run and undo everything; asks once",
        ),
    ),
    danger(
        Danger::Writes,
        bind(
            Act::Stop,
            &[Key::Code(KeyCode::F(12))],
            &[Scope::Writing, Scope::Choosing],
            "stop",
            "stop the run and undo everything; asks once",
        ),
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
    bind(Act::Runbook, &[Key::Char('o')], ANYWHERE, "runbook", "show the runbook, and open it where a browser is"),
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
    bind(Act::Palette, &[Key::Char(':')], ANYWHERE, "command", "the command line: commands and screens by their names"),
    bind(Act::Filter, &[Key::Char('/')], SEEN, "filter", "show only what matches: regex, !regex, -l labels, -f fuzzy"),
    bind(Act::Freeze, &[Key::Ctrl('f')], &[Scope::Live, Scope::Watching], "", "let the picture stand still; the run goes on"),
    bind(Act::Copy, &[Key::Char('c')], ANYWHERE, "", "copy: the marked pod, a check's command, the timeline"),
    bind(
        Act::Look(Aspect::Details),
        &[Key::Char('d')],
        POD,
        "",
        "a pod's state, containers, probes and Events: the marked one, else one that is not ready",
    ),
    bind(Act::Look(Aspect::Yaml), &[Key::Char('y')], POD, "", "the same pod's YAML, values of its environment hidden"),
    bind(Act::Look(Aspect::Logs), &[Key::Char('l')], POD, "", "the same pod's logs; what it said before a restart comes first"),
    bind(Act::Sort(Column::Name), &[Key::Char('P')], SEEN, "", "sort the pods by name; again: turned round; again: as they were"),
    bind(Act::Sort(Column::State), &[Key::Char('S')], SEEN, "", "sort the pods by state"),
    bind(Act::Sort(Column::Ready), &[Key::Char('Y')], SEEN, "", "sort the pods by readiness"),
    bind(Act::Sort(Column::Restarts), &[Key::Char('R')], SEEN, "", "sort the pods by restarts"),
    bind(Act::Sort(Column::Age), &[Key::Char('A')], SEEN, "", "sort the pods by age"),
    bind(Act::NextChart, &[Key::Code(KeyCode::Tab)], SEEN, "chart", "show the next chart"),
    bind(Act::LastChart, &[Key::Code(KeyCode::BackTab)], SEEN, "", "show the chart before"),
    turn(Turn::CursorBack, &[Key::Char('['), Key::Code(KeyCode::Left)], HERE, "charts: the cursor to the sample before"),
    turn(Turn::CursorOn, &[Key::Char(']'), Key::Code(KeyCode::Right)], HERE, "charts: the cursor to the next sample"),
    turn(Turn::In, &[Key::Char('+'), Key::Char('=')], HERE, "charts: half as much time, around the cursor"),
    turn(Turn::Out, &[Key::Char('-')], HERE, "charts: twice as much time"),
    // while a recorded run is played, arrows, plus and minus are the player's
    turn(Turn::CursorBack, &[Key::Char('[')], &[Scope::Replaying], "charts: the cursor to the sample before"),
    turn(Turn::CursorOn, &[Key::Char(']')], &[Scope::Replaying], "charts: the cursor to the next sample"),
    turn(Turn::In, &[Key::Char('z')], &[Scope::Replaying], "charts: half as much time, around the cursor"),
    turn(Turn::Out, &[Key::Char('Z')], &[Scope::Replaying], "charts: twice as much time"),
    turn(Turn::PanBack, &[Key::Char('{')], SEEN, "charts: what was before the part that is shown"),
    turn(Turn::PanOn, &[Key::Char('}')], SEEN, "charts: what comes after it"),
    turn(Turn::Whole, &[Key::Char('0')], HERE, "charts: the whole again, without a cursor"),
    turn(Turn::Whole, &[Key::Char('w')], &[Scope::Replaying], "charts: the whole again, without a cursor"),
    bind(Act::Down, &[Key::Char('j'), Key::Code(KeyCode::Down)], SEEN, "", "a line down: timeline, the marked pod"),
    bind(Act::Up, &[Key::Char('k'), Key::Code(KeyCode::Up)], SEEN, "older", "a line up: timeline, the marked pod"),
    bind(Act::PageDown, &[Key::Code(KeyCode::PageDown), Key::Ctrl('d')], SEEN, "", "a page down"),
    bind(Act::PageUp, &[Key::Code(KeyCode::PageUp), Key::Ctrl('u')], SEEN, "", "a page up"),
    bind(Act::Top, &[Key::Char('g'), Key::Code(KeyCode::Home)], SEEN, "", "the first line"),
    bind(Act::Bottom, &[Key::Char('G'), Key::Code(KeyCode::End)], SEEN, "", "the last line; the timeline is followed again"),
    bind(Act::Help, &[Key::Char('?'), Key::Char('h')], ANYWHERE, "help", "this list"),
    bind(
        Act::Quit,
        &[Key::Char('q')],
        &[Scope::Before, Scope::Live, Scope::Undoing, Scope::Over, Scope::Refused],
        "leave",
        "leave; asks while a run is live",
    ),
    bind(Act::Quit, &[Key::Char('q')], &[Scope::Watching, Scope::Replaying], "leave", "leave; the run is not touched"),
    bind(Act::Interrupt, &[Key::Ctrl('c')], &[Scope::Watching, Scope::Replaying], "", "leave; the run is not touched"),
    bind(Act::BigType, &[Key::Char('B')], SEEN, "", "the cockpit in large letters for the room, or not"),
    show(Screen::Cockpit, &[Key::Char('1')], "cockpit", "screen: everything at a glance"),
    show(Screen::Pods, &[Key::Char('2')], "pods", "screen: every pod, and why one is not back"),
    show(Screen::Faults, &[Key::Char('3')], "faults", "screen: every fault with its victims, finalizers and end"),
    show(Screen::Metrics, &[Key::Char('4')], "metrics", "screen: every chart"),
    show(Screen::Timeline, &[Key::Char('5')], "timeline", "screen: all that happened"),
    show(Screen::Findings, &[Key::Char('6')], "findings", "screen: what the run found, once it is over"),
    looking(Act::Close, &[Key::Code(KeyCode::Esc), Key::Char('q')], "back", "back to the run"),
    looking(Act::Filter, &[Key::Char('/')], "filter", "show only lines that match: regex, !regex, -f fuzzy"),
    looking(Act::Wrap, &[Key::Char('w')], "wrap", "wrap long lines, or cut them"),
    looking(Act::Copy, &[Key::Char('c')], "copy", "copy the lines that are shown"),
    looking(Act::Down, &[Key::Char('j'), Key::Code(KeyCode::Down)], "", "a line down"),
    looking(Act::Up, &[Key::Char('k'), Key::Code(KeyCode::Up)], "", "a line up; logs stand still then"),
    looking(Act::PageDown, &[Key::Code(KeyCode::PageDown), Key::Ctrl('d')], "", "a page down"),
    looking(Act::PageUp, &[Key::Code(KeyCode::PageUp), Key::Ctrl('u')], "", "a page up"),
    looking(Act::Top, &[Key::Char('g'), Key::Code(KeyCode::Home)], "", "the first line"),
    looking(Act::Bottom, &[Key::Char('G'), Key::Code(KeyCode::End)], "", "the last line; logs are followed again"),
    home(
        Act::Open,
        &[Key::Code(KeyCode::Enter)],
        "open",
        "a scenario: to its preflight on the cluster; a run: replay it, or look on while it is live",
    ),
    home(Act::Rehearse, &[Key::Char('r')], "rehearse", "rehearse the scenario on the practice cluster in gameday: nothing can break"),
    home(Act::Edit, &[Key::Char('e')], "edit", "the scenario in $EDITOR"),
    bind(
        Act::Edit,
        &[Key::Char('e')],
        &[Scope::Before, Scope::Over, Scope::Refused],
        "edit",
        "the scenario in $EDITOR, and after that its preflight anew",
    ),
    home(Act::NextList, &[Key::Code(KeyCode::Tab), Key::Code(KeyCode::BackTab)], "runs", "from the scenarios to past runs, and back"),
    home(Act::Down, &[Key::Char('j'), Key::Code(KeyCode::Down)], "", "the next one"),
    home(Act::Up, &[Key::Char('k'), Key::Code(KeyCode::Up)], "", "the one before"),
    home(Act::PageDown, &[Key::Code(KeyCode::PageDown), Key::Ctrl('d')], "", "a page down"),
    home(Act::PageUp, &[Key::Code(KeyCode::PageUp), Key::Ctrl('u')], "", "a page up"),
    home(Act::Top, &[Key::Char('g'), Key::Code(KeyCode::Home)], "", "the first"),
    home(Act::Bottom, &[Key::Char('G'), Key::Code(KeyCode::End)], "", "the last"),
    home(Act::Filter, &[Key::Char('/')], "filter", "show only what matches: regex, !regex, -f fuzzy"),
    home(Act::Help, &[Key::Char('?'), Key::Char('h')], "help", "what each key does here"),
    home(Act::Close, &[Key::Code(KeyCode::Esc)], "", "back, or all of them again; never leaves"),
    home(Act::Quit, &[Key::Char('q')], "leave", "leave gameday"),
    home(Act::Interrupt, &[Key::Ctrl('c')], "", "leave gameday"),
    bind(Act::Home, &[], &[Scope::Live, Scope::Undoing], "", "scenarios and past runs, while the run goes on; Esc at the top as well"),
    bind(
        Act::Home,
        &[],
        &[Scope::Before, Scope::Over, Scope::Refused, Scope::Watching, Scope::Replaying],
        "",
        "leave this run: home, where gameday was begun there",
    ),
    show(Screen::Preflight, &[], "", "screen: the checklist that the run began with"),
    bind(Act::Confirm, &[Key::Code(KeyCode::Enter)], &[Scope::Ask], "yes", "yes"),
    bind(Act::Close, &[Key::Code(KeyCode::Esc), Key::Char('q')], &[Scope::Ask, Scope::Reading], "back", "back, nothing is done"),
    bind(
        Act::Close,
        &[Key::Code(KeyCode::Esc)],
        &[
            Scope::Live,
            Scope::Undoing,
            Scope::Over,
            Scope::Refused,
            Scope::Before,
            Scope::Watching,
            Scope::Replaying,
            Scope::Writing,
            Scope::Choosing,
        ],
        "",
        "back; never leaves",
    ),
    bind(Act::Close, &[Key::Char('?'), Key::Char('h')], &[Scope::Reading], "", "close help"),
    bind(Act::Send, &[Key::Code(KeyCode::Enter)], &[Scope::Writing], "write it down", "write the note down, keep the filter"),
    bind(
        Act::Obey,
        &[Key::Code(KeyCode::Enter)],
        &[Scope::Choosing],
        "do it",
        "do it; what breaks or stops something is written out first",
    ),
    bind(Act::Complete, &[Key::Code(KeyCode::Tab)], &[Scope::Choosing], "complete", "write the command out"),
    bind(Act::NextChoice, &[Key::Code(KeyCode::Down)], &[Scope::Choosing], "", "mark the next command"),
    bind(
        Act::LastChoice,
        &[Key::Code(KeyCode::Up)],
        &[Scope::Choosing],
        "",
        "mark the one before; on an empty line: what was given before",
    ),
    bind(Act::Erase, &[Key::Code(KeyCode::Backspace)], &[Scope::Writing, Scope::Choosing], "", "take back a character"),
    bind(Act::Clear, &[Key::Ctrl('u')], &[Scope::Writing, Scope::Choosing], "", "take back all"),
];
