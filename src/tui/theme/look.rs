//! Which theme fits a terminal: what the operator asks for, then what the environment says.

use crate::scenario::nearest;
use crate::tui::plot::Grain;
use crate::tui::theme::Theme;
use crate::tui::theme::paint::{self, Depth, Paint, Role};

/// A palette by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// For a dark terminal.
    #[default]
    Dark,
    /// For a light one.
    Light,
    /// For a dark one, with colours that the colour-blind tell apart.
    ColourBlind,
    /// No colour: bold, reverse and underline.
    Mono,
}

impl Palette {
    /// All, in the order they are listed.
    pub const ALL: [Palette; 4] = [Palette::Dark, Palette::Light, Palette::ColourBlind, Palette::Mono];

    /// Its name, as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Palette::Dark => "dark",
            Palette::Light => "light",
            Palette::ColourBlind => "colour-blind",
            Palette::Mono => "mono",
        }
    }

    /// The palette of a name.
    ///
    /// # Errors
    /// There is none of that name; which there are.
    pub fn named(name: &str) -> Result<Palette, String> {
        let found = Palette::ALL.into_iter().find(|palette| palette.name() == name);
        found.ok_or_else(|| {
            let names = Palette::ALL.map(Palette::name);
            let hint = nearest(name, names).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            format!("no palette is called {name:?}: there are {}{hint}", names.join(", "))
        })
    }

    /// Its colours, on a terminal of today.
    #[must_use]
    pub const fn theme(self) -> Theme {
        match self {
            Palette::Dark => Theme::dark(),
            Palette::Light => Theme::light(),
            Palette::ColourBlind => Theme::colour_blind(),
            Palette::Mono => Theme::mono(),
        }
    }
}

/// What decides the look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The palette that is asked for.
    pub palette: Palette,
    /// The roles that the operator paints otherwise.
    pub paints: Vec<(Role, Paint)>,
    /// `NO_COLOR`, set and not empty, asks for no colour.
    pub no_color: Option<String>,
    /// `TERM`.
    pub term: Option<String>,
    /// `COLORTERM`.
    pub colorterm: Option<String>,
    /// The first that is set of `LC_ALL`, `LC_CTYPE` and `LANG`.
    pub locale: Option<String>,
    /// Whether nothing but ASCII is to be drawn; `None`: as the locale says.
    pub ascii: Option<bool>,
    /// Whether charts are of braille, which not every font has.
    pub braille: bool,
}

impl Look {
    /// The theme for all this.
    #[must_use]
    pub fn theme(&self) -> Theme {
        let set = |value: &Option<String>| value.as_deref().is_some_and(|value| !value.is_empty());
        let dumb = self.term.as_deref() == Some("dumb");
        let theme = if set(&self.no_color) || dumb {
            // whoever asks for no colour gets none, whatever else is painted
            Theme::mono()
        } else if self.has_sixteen() && self.palette != Palette::Mono {
            // a terminal that says nothing of itself is taken for one of today
            paint::painted(&Theme::sixteen(), &self.paints, Depth::Sixteen)
        } else {
            paint::painted(&self.palette.theme(), &self.paints, self.depth())
        };
        let ascii = self.ascii.unwrap_or_else(|| dumb || self.speaks_ascii());
        Theme { ascii, grain: if self.braille && !ascii { Grain::Dots } else { Grain::Lines }, ..theme }
    }

    /// How many colours the terminal has.
    fn depth(&self) -> Depth {
        let any = self.colorterm.as_deref().is_some_and(|value| value.contains("truecolor") || value.contains("24bit"));
        match (self.has_sixteen(), any) {
            (true, _) => Depth::Sixteen,
            (false, true) => Depth::Any,
            (false, false) => Depth::Many,
        }
    }

    /// Whether the terminal has sixteen colours and no more.
    fn has_sixteen(&self) -> bool {
        let few = ["linux", "xterm", "xterm-color", "xterm-16color", "screen", "ansi", "vt100", "vt220", "rxvt", "cygwin"];
        let rich = self.colorterm.as_deref().is_some_and(|value| !value.is_empty());
        !rich && self.term.as_deref().is_some_and(|term| few.contains(&term))
    }

    /// Whether the locale is one without Unicode. One that is not set says nothing.
    fn speaks_ascii(&self) -> bool {
        let said = self.locale.as_deref().filter(|locale| !locale.is_empty());
        said.is_some_and(|locale| !locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;

    fn of(term: &str, colorterm: &str, locale: &str) -> Look {
        let some = |text: &str| Some(text.to_owned());
        Look { term: some(term), colorterm: some(colorterm), locale: some(locale), ..Look::default() }
    }

    #[test]
    fn look_should_follow_the_terminal_unless_it_is_asked_for() {
        let modern = of("xterm-256color", "", "en_US.UTF-8").theme();
        assert_eq!(modern, Theme::dark());
        assert_eq!(of("linux", "", "C.utf8").theme(), Theme::sixteen());
        assert_eq!(Look { braille: true, ..of("linux", "", "") }.theme(), Theme { grain: Grain::Dots, ..Theme::sixteen() });
        assert_eq!(Look { braille: true, ..of("xterm", "", "C") }.theme().grain, Grain::Lines, "braille is not ASCII");
        assert_eq!(of("xterm", "truecolor", "").theme(), Theme::dark());
        assert!(of("xterm-256color", "", "C").theme().ascii && !modern.ascii);
        assert!(!Look::default().theme().ascii, "nothing said is no reason");
        let plain = Look { no_color: Some("1".into()), palette: Palette::Light, ..Look::default() };
        assert_eq!(plain.theme(), Theme::mono());
        assert_eq!(Look { no_color: Some(String::new()), ..Look::default() }.theme(), Theme::dark(), "empty asks for nothing");
        assert_eq!(of("dumb", "", "").theme(), Theme { ascii: true, ..Theme::mono() });
        assert_eq!(Look { ascii: Some(false), ..of("xterm", "1", "C") }.theme(), Theme::dark());
    }

    #[test]
    fn look_should_paint_what_the_operator_says_as_far_as_the_terminal_can() {
        let paints = paint::read(&Theme::dark(), [("held", "#00ff5f")]).unwrap();
        let held = |look: Look| Look { paints: paints.clone(), ..look }.theme().held.fg;
        assert_eq!(held(of("xterm-256color", "truecolor", "")), Some(Color::Rgb(0, 255, 0x5f)));
        assert_eq!(held(of("xterm-256color", "", "")), Some(Color::Indexed(47)));
        assert_eq!(held(of("linux", "", "")), Some(Color::LightGreen));
        assert_eq!(held(Look { no_color: Some("1".into()), ..of("xterm-256color", "truecolor", "") }), None);
    }

    #[test]
    fn palette_that_is_not_there_should_be_told_with_those_that_are() {
        assert_eq!(Palette::named("light"), Ok(Palette::Light));
        let why = Palette::named("color-blind").unwrap_err();
        assert_eq!(why, "no palette is called \"color-blind\": there are dark, light, colour-blind, mono; did you mean \"colour-blind\"?");
    }
}
