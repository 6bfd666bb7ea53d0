//! What is written and answered: notes, words, filters, questions; and Ctrl-C.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::command::{AbortedBy, Answer, Command};
use crate::run::Run;
use crate::text::Untrusted;
use crate::tui::filter::Filter;
use crate::tui::hands::{Deed, Hands, Open};

/// The longest note.
const LONGEST_NOTE: usize = 500;

impl Hands {
    /// Takes what was pasted: only what is being written takes it.
    pub fn paste(&mut self, text: &str) {
        if let Some(written) = self.written() {
            let room = LONGEST_NOTE.saturating_sub(written.chars().count());
            written.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(room));
            self.rewritten();
        }
    }

    /// Takes a character that is written.
    pub(super) fn write(&mut self, event: KeyEvent) -> Option<Deed> {
        let KeyCode::Char(c) = event.code else { return None };
        if event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
            return None;
        }
        self.written()?;
        self.paste(c.encode_utf8(&mut [0; 4]));
        Some(Deed::Draw)
    }

    /// Takes back a character, or all.
    pub(super) fn erase(&mut self, all: bool) {
        if let Some(written) = self.written() {
            if all {
                written.clear();
            } else {
                written.pop();
            }
            self.rewritten();
        }
    }

    /// What is being written, if anything is.
    fn written(&mut self) -> Option<&mut String> {
        match &mut self.open {
            Some(Open::Note(text) | Open::Word(text) | Open::Filter(text)) => Some(text),
            Some(Open::Palette(palette)) => Some(&mut palette.text),
            Some(Open::Help | Open::Stop | Open::GoOn(_) | Open::Skip(_) | Open::Runbook { .. }) | None => None,
        }
    }

    /// A filter is followed while it is written.
    fn rewritten(&mut self) {
        match &mut self.open {
            Some(Open::Filter(text)) => {
                let filter = Filter::of(text);
                self.filter_by(filter);
            }
            Some(Open::Palette(palette)) => (palette.marked, palette.again, palette.wrong) = (None, None, None),
            _ => {}
        }
    }

    /// Ctrl-C stops and undoes at once, without a question; twice in a row it leaves, whatever is left. It does not wait for
    /// the picture of the stopped run: the second may come before that.
    pub(super) fn interrupt(&mut self, over: bool, undoing: bool) -> Deed {
        if over {
            return Deed::Leave;
        }
        // what is undone is seen as it is
        (self.open, self.looking) = (None, None);
        self.undo_hidden = false;
        if std::mem::replace(&mut self.armed, true) {
            return Deed::Command(Command::Leave);
        }
        if undoing { Deed::Draw } else { Deed::Command(Command::Abort { by: AbortedBy::Interrupt }) }
    }

    /// Yes to what is asked.
    pub(super) fn confirm(&mut self, run: &Run) -> Option<Deed> {
        match self.open.take()? {
            Open::Stop if !run.phase().0.is_over() => {
                self.looking = None;
                Some(Deed::Command(Command::Abort { by: AbortedBy::Key }))
            }
            Open::Skip(asked) if run.current_step().is_some_and(|(step, _)| step == asked) => Some(Deed::Command(Command::Skip)),
            Open::GoOn(asked) if run.waits_for_person().is_some_and(|(step, _)| step == asked) => {
                let begun = run.step_begun(asked).is_some();
                Some(Deed::Command(if begun {
                    Command::Answer { step: asked, answer: Answer::Done }
                } else {
                    Command::Release { step: asked }
                }))
            }
            _ => Some(Deed::Draw),
        }
    }

    /// Sends off what was written.
    pub(super) fn send(&mut self) -> Option<Deed> {
        let note = match self.open.take()? {
            Open::Note(note) => note,
            // the fold compares: what is typed here is only told
            Open::Word(typed) => return Some(Deed::Command(Command::Confirm { typed: typed.into() })),
            _ => return Some(Deed::Draw),
        };
        if note.trim().is_empty() {
            return Some(Deed::Draw);
        }
        let (author, text) = (Untrusted::from(self.author.as_str()), Untrusted::from(note.trim()));
        Some(Deed::Command(Command::Note { author, text }))
    }
}
