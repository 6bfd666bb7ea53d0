//! What things look like: a few named roles, nothing else decides a colour.

pub mod look;
pub mod paint;

use ratatui::style::{Color, Modifier, Style};

use crate::run::checks::Grade;
use crate::run::verdicts::Standing;
use crate::tui::plot::Grain;

/// The roles. Panels ask for a role, never for a colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// What is read.
    pub text: Style,
    /// What is read first: titles, current values, the step that is on.
    pub strong: Style,
    /// Labels, units, what is well and needs no eye.
    pub quiet: Style,
    /// Rules, axes, what is to come.
    pub line: Style,
    /// The one accent: data, keys, what moves.
    pub accent: Style,
    /// A second line in a chart.
    pub second: Style,
    /// Held, and only that.
    pub held: Style,
    /// Pending, unknown, old.
    pub pending: Style,
    /// Broken, overdue, lost.
    pub broken: Style,
    /// The band of a production run.
    pub production: Style,
    /// The tier of every other run.
    pub badge: Style,
    /// Behind a chart while a fault is in effect.
    pub window: Style,
    /// What stands in an empty cell of that window.
    pub window_glyph: &'static str,
    /// Whether nothing but ASCII is drawn.
    pub ascii: bool,
    /// How fine charts are.
    pub grain: Grain,
}

/// A colour of the 256 that terminals agree on.
const fn on(color: u8) -> Style {
    Style::new().fg(Color::Indexed(color))
}

impl Theme {
    /// Colours for a dark terminal.
    #[must_use]
    pub const fn dark() -> Theme {
        const BOLD: Modifier = Modifier::BOLD;
        Theme {
            text: on(252),
            strong: on(255).add_modifier(BOLD),
            quiet: on(245),
            line: on(239),
            accent: on(80),
            second: on(140),
            held: on(114),
            pending: on(179),
            broken: on(203).add_modifier(BOLD),
            production: on(231).bg(Color::Indexed(160)).add_modifier(BOLD),
            badge: on(252).bg(Color::Indexed(238)).add_modifier(BOLD),
            window: Style::new().bg(Color::Indexed(236)),
            // no plain space: terminals and multiplexers drop those at the end of a run
            window_glyph: "\u{a0}",
            ascii: false,
            grain: Grain::Lines,
        }
    }

    /// Colours for a light terminal.
    #[must_use]
    pub const fn light() -> Theme {
        const BOLD: Modifier = Modifier::BOLD;
        Theme {
            text: on(236),
            strong: on(232).add_modifier(BOLD),
            quiet: on(242),
            line: on(249),
            accent: on(25),
            second: on(90),
            held: on(28),
            pending: on(130),
            broken: on(160).add_modifier(BOLD),
            production: on(231).bg(Color::Indexed(160)).add_modifier(BOLD),
            badge: on(236).bg(Color::Indexed(252)).add_modifier(BOLD),
            window: Style::new().bg(Color::Indexed(254)),
            ..Theme::dark()
        }
    }

    /// Colours for a dark terminal that the colour-blind tell apart: blue, yellow and vermilion, after Okabe and Ito.
    #[must_use]
    pub const fn colour_blind() -> Theme {
        const BOLD: Modifier = Modifier::BOLD;
        Theme {
            accent: on(153),
            second: on(175),
            held: on(75),
            pending: on(227),
            broken: on(208).add_modifier(BOLD),
            production: on(16).bg(Color::Indexed(208)).add_modifier(BOLD),
            ..Theme::dark()
        }
    }

    /// For terminals of sixteen colours, dark or light: text is theirs.
    #[must_use]
    pub const fn sixteen() -> Theme {
        const fn of(color: Color) -> Style {
            Style::new().fg(color)
        }
        Theme {
            line: of(Color::DarkGray),
            accent: of(Color::Cyan),
            second: of(Color::Magenta),
            held: of(Color::Green),
            pending: of(Color::Yellow),
            broken: of(Color::Red).add_modifier(Modifier::BOLD),
            production: of(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD),
            ..Theme::mono()
        }
    }

    /// No colour at all: bold, reverse and underline speak. Every cell keeps its colours at reset,
    /// so that no empty colour sequence is sent, which terminals take for "reset everything".
    #[must_use]
    pub const fn mono() -> Theme {
        let plain = Style::new();
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let reverse = Style::new().add_modifier(Modifier::REVERSED);
        let underline = Style::new().add_modifier(Modifier::UNDERLINED);
        Theme {
            text: plain,
            strong: bold,
            quiet: plain,
            line: plain,
            accent: bold,
            second: plain,
            held: plain,
            pending: underline,
            broken: reverse.add_modifier(Modifier::BOLD),
            production: reverse.add_modifier(Modifier::BOLD),
            badge: reverse,
            window: plain,
            window_glyph: "░",
            ascii: false,
            grain: Grain::Lines,
        }
    }

    /// How a verdict looks.
    #[must_use]
    pub const fn standing(&self, standing: Standing) -> Style {
        match standing {
            Standing::Held => self.held,
            Standing::Pending | Standing::Unknown => self.pending,
            Standing::Broken => self.broken,
        }
    }

    /// How a check of the preflight looks.
    #[must_use]
    pub const fn grade(&self, grade: Grade) -> Style {
        match grade {
            Grade::Pass => self.held,
            Grade::Waiting | Grade::Warn | Grade::Unknown => self.pending,
            Grade::Fail => self.broken,
        }
    }
}

/// A check's sign.
#[must_use]
pub const fn grade_sign(grade: Grade) -> &'static str {
    match grade {
        Grade::Pass => "✓",
        Grade::Waiting => "…",
        Grade::Warn => "!",
        Grade::Unknown => "?",
        Grade::Fail => "✗",
    }
}

/// A verdict's sign.
#[must_use]
pub const fn sign(standing: Standing) -> &'static str {
    match standing {
        Standing::Pending => "…",
        Standing::Held => "✓",
        Standing::Broken => "✗",
        Standing::Unknown => "?",
    }
}
