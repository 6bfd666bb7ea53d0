//! The terminal's manners: what is taken is given back, on every way out.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// The terminal of the cockpit.
pub type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// Whether the terminal is ours. One a process.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Takes the terminal: raw mode, alternate screen, bracketed paste, the mouse where it is wanted. A panic anywhere gives it back
/// before it is reported.
///
/// # Errors
/// There is no terminal, or it does not obey.
pub fn take(mouse: bool) -> io::Result<Screen> {
    HOOK.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            report(panic);
        }));
    });
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    // not the terminal's own clear: that asks where the cursor is, and a terminal need not answer
    let taken = execute!(out, EnterAlternateScreen, EnableBracketedPaste, Clear(ClearType::All))
        .and_then(|()| if mouse { execute!(out, EnableMouseCapture) } else { Ok(()) })
        .and_then(|()| Terminal::new(CrosstermBackend::new(out)));
    if taken.is_err() {
        give_back();
    }
    taken
}

/// Whether the terminal is still ours.
#[must_use]
pub fn is_taken() -> bool {
    TAKEN.load(Ordering::SeqCst)
}

/// Throws away what the terminal has not taken yet, and wakes whoever waits for room there: a terminal that stalls (a frozen window,
/// a connection that hangs) must not keep a run from ending.
pub fn discard() {
    #[cfg(unix)]
    {
        use rustix::termios::{Action, QueueSelector, tcflow, tcflush};
        let out = io::stdout();
        // where it is no terminal any more nobody waits for it
        let _ = tcflush(&out, QueueSelector::OFlush).and_then(|()| tcflow(&out, Action::OOff)).and_then(|()| tcflow(&out, Action::OOn));
    }
}

/// Gives the terminal back, once.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        tell_back();
    }
}

/// Gives back a terminal that may have missed it the first time.
pub fn give_back_again() {
    TAKEN.store(false, Ordering::SeqCst);
    tell_back();
}

fn tell_back() {
    let mut out = io::stdout();
    // a terminal that is gone can't be told
    let _ = execute!(out, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = out.flush();
}
