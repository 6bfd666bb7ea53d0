//! What a terminal is sent under `NO_COLOR`. Alone in its process: crossterm keeps the setting in a global.

#![expect(clippy::unwrap_used, reason = "what can't be drawn has failed")]

use std::io::Write;

use crossterm::style::Colored;
use gameday::tui::theme::Theme;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{TerminalOptions, Viewport};

#[derive(Clone, Default)]
struct Sent(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

impl Write for Sent {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn sent(theme: &Theme) -> String {
    let sent = Sent::default();
    let viewport = Viewport::Fixed(Rect::new(0, 0, 20, 2));
    let mut terminal = Terminal::with_options(CrosstermBackend::new(sent.clone()), TerminalOptions { viewport }).unwrap();
    terminal
        .draw(|frame| {
            frame.buffer_mut().set_string(0, 0, "broken", theme.broken);
            frame.buffer_mut().set_string(0, 1, "pending", theme.pending);
        })
        .unwrap();
    let bytes = sent.0.borrow().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn terminal_should_get_no_reset_between_an_attribute_and_its_letters() {
    Colored::set_ansi_color_disabled(true);
    let mono = sent(&Theme::mono());
    assert!(mono.contains("\u{1b}[7m"), "{mono:?}");
    let before_letters = &mono[..mono.find("broken").unwrap()];
    assert!(!before_letters[before_letters.find("\u{1b}[7m").unwrap()..].contains("\u{1b}[;m"), "{mono:?}");
    assert!(!before_letters.contains("\u{1b}[m"), "{mono:?}");
    // the trap that the theme is made for: colours would wipe what was set before
    assert!(sent(&Theme::dark()).contains("\u{1b}[;m") || sent(&Theme::dark()).contains("\u{1b}[m"));
}
