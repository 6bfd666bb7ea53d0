//! One key: as it is pressed, as it stands on the keyboard, as it is written in the settings.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

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

/// As it is pressed.
impl From<Key> for KeyEvent {
    fn from(key: Key) -> KeyEvent {
        match key {
            Key::Char(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE),
            Key::Ctrl(c) => KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL),
            Key::Code(code) => KeyEvent::new(code, KeyModifiers::NONE),
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

/// The other keys by the names that the settings know; the first of each code is the one that is told.
const NAMED: &[(&str, KeyCode)] = &[
    ("Enter", KeyCode::Enter),
    ("Esc", KeyCode::Esc),
    ("Tab", KeyCode::Tab),
    ("Shift-Tab", KeyCode::BackTab),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("PgUp", KeyCode::PageUp),
    ("PgDn", KeyCode::PageDown),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
];

/// As it is written in the settings: `x`, `Space`, `Ctrl-F`, `F9`, `PgDn`.
impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Key, String> {
        let mut characters = text.chars();
        if let (Some(c), None) = (characters.next(), characters.next()) {
            return if c.is_control() || c.is_whitespace() { Err(no_key(text)) } else { Ok(Key::Char(c)) };
        }
        let folded = text.to_ascii_lowercase();
        if folded == "space" {
            return Ok(Key::Char(' '));
        }
        if let Some((_, code)) = NAMED.iter().find(|(name, _)| name.to_ascii_lowercase() == folded) {
            return Ok(Key::Code(*code));
        }
        if let Some(c) = folded.strip_prefix("ctrl-").and_then(|rest| rest.parse::<char>().ok()).filter(char::is_ascii_alphabetic) {
            // a terminal sends the same for these as for Tab, Enter and Backspace
            return if matches!(c, 'i' | 'm' | 'h') { Err(no_key(text)) } else { Ok(Key::Ctrl(c)) };
        }
        let function = folded.strip_prefix('f').and_then(|number| number.parse().ok()).filter(|number| (1..=12).contains(number));
        function.map(|number| Key::Code(KeyCode::F(number))).ok_or_else(|| no_key(text))
    }
}

fn no_key(text: &str) -> String {
    let names: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
    format!("{text:?} is no key: a character, Space, Ctrl-A to Ctrl-Z but for H, I and M, F1 to F12, {}", names.join(", "))
}
