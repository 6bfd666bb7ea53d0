//! A theme of the operator's own: some roles of a palette painted otherwise, in words.
//!
//! `accent = "#0087d7 bold"`, `production = "white on blue"`, `window = "on 236"`. What is not said stays as the palette has it.

use ratatui::style::{Color, Modifier, Style};

use crate::scenario::nearest;
use crate::tui::theme::Theme;

/// A role of the look, by its name in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// What is read.
    Text,
    /// What is read first.
    Strong,
    /// Labels, units, what is well.
    Quiet,
    /// Rules, axes, what is to come.
    Line,
    /// Data, keys, what moves.
    Accent,
    /// A second line in a chart.
    Second,
    /// Held.
    Held,
    /// Pending, unknown, old.
    Pending,
    /// Broken, overdue, lost.
    Broken,
    /// The band of a production run.
    Production,
    /// The tier of every other run.
    Badge,
    /// Behind a chart while a fault is in effect.
    Window,
}

impl Role {
    /// All, in the order they are listed.
    pub const ALL: [Role; 12] = [
        Role::Text,
        Role::Strong,
        Role::Quiet,
        Role::Line,
        Role::Accent,
        Role::Second,
        Role::Held,
        Role::Pending,
        Role::Broken,
        Role::Production,
        Role::Badge,
        Role::Window,
    ];

    /// Its name, as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Text => "text",
            Role::Strong => "strong",
            Role::Quiet => "quiet",
            Role::Line => "line",
            Role::Accent => "accent",
            Role::Second => "second",
            Role::Held => "held",
            Role::Pending => "pending",
            Role::Broken => "broken",
            Role::Production => "production",
            Role::Badge => "badge",
            Role::Window => "window",
        }
    }

    /// The role of a name.
    ///
    /// # Errors
    /// There is none of that name; which there are.
    pub fn named(name: &str) -> Result<Role, String> {
        let found = Role::ALL.into_iter().find(|role| role.name() == name);
        found.ok_or_else(|| {
            let names = Role::ALL.map(Role::name);
            let hint = nearest(name, names).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            format!("no role is called {name:?}: there are {}{hint}", names.join(", "))
        })
    }

    /// Where a theme keeps it.
    const fn of(self, theme: &mut Theme) -> &mut Style {
        match self {
            Role::Text => &mut theme.text,
            Role::Strong => &mut theme.strong,
            Role::Quiet => &mut theme.quiet,
            Role::Line => &mut theme.line,
            Role::Accent => &mut theme.accent,
            Role::Second => &mut theme.second,
            Role::Held => &mut theme.held,
            Role::Pending => &mut theme.pending,
            Role::Broken => &mut theme.broken,
            Role::Production => &mut theme.production,
            Role::Badge => &mut theme.badge,
            Role::Window => &mut theme.window,
        }
    }
}

/// How many colours a terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Sixteen.
    Sixteen,
    /// The 256 that terminals agree on.
    Many,
    /// Any.
    Any,
}

/// How a role is painted, as far as it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    fg: Option<Color>,
    bg: Option<Color>,
    attributes: Option<Modifier>,
}

/// The attributes, by their names.
const ATTRIBUTES: [(&str, Modifier); 5] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
    ("plain", Modifier::empty()),
];

/// The colours that have a name: the terminal's own, and sixteen with about what they look like.
const NAMED: [(&str, Color, (u8, u8, u8)); 16] = [
    ("black", Color::Black, (0, 0, 0)),
    ("red", Color::Red, (205, 0, 0)),
    ("green", Color::Green, (0, 205, 0)),
    ("yellow", Color::Yellow, (205, 205, 0)),
    ("blue", Color::Blue, (0, 0, 238)),
    ("magenta", Color::Magenta, (205, 0, 205)),
    ("cyan", Color::Cyan, (0, 205, 205)),
    ("white", Color::Gray, (229, 229, 229)),
    ("bright-black", Color::DarkGray, (127, 127, 127)),
    ("bright-red", Color::LightRed, (255, 0, 0)),
    ("bright-green", Color::LightGreen, (0, 255, 0)),
    ("bright-yellow", Color::LightYellow, (255, 255, 0)),
    ("bright-blue", Color::LightBlue, (92, 92, 255)),
    ("bright-magenta", Color::LightMagenta, (255, 0, 255)),
    ("bright-cyan", Color::LightCyan, (0, 255, 255)),
    ("bright-white", Color::White, (255, 255, 255)),
];

impl Paint {
    /// Reads `COLOUR on COLOUR ATTRIBUTE…`, each part of which may be missing.
    ///
    /// # Errors
    /// A word that is neither colour nor attribute, or too many of one kind.
    pub fn parse(text: &str) -> Result<Paint, String> {
        let mut paint = Paint::default();
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            if let Some((_, attribute)) = ATTRIBUTES.iter().find(|(name, _)| *name == word) {
                paint.attributes = Some(paint.attributes.unwrap_or_default() | *attribute);
                continue;
            }
            let behind = word == "on";
            let named = if behind { words.next().ok_or("a colour belongs after \"on\"")? } else { word };
            let place = if behind { &mut paint.bg } else { &mut paint.fg };
            if place.replace(color(named)?).is_some() {
                return Err(format!("{named:?} is one colour too many: COLOUR on COLOUR"));
            }
        }
        if paint == Paint::default() { Err("nothing is said: a colour, \"on\" a colour, bold …".to_owned()) } else { Ok(paint) }
    }

    fn on(self, style: &mut Style, depth: Depth) {
        style.fg = self.fg.map(|color| reduced(color, depth)).or(style.fg);
        style.bg = self.bg.map(|color| reduced(color, depth)).or(style.bg);
        if let Some(attributes) = self.attributes {
            style.add_modifier = attributes;
        }
    }
}

/// A colour: `#rrggbb`, 0 to 255, or a name.
fn color(text: &str) -> Result<Color, String> {
    if text == "default" {
        return Ok(Color::Reset);
    }
    if let Some((_, color, _)) = NAMED.iter().find(|(name, ..)| *name == text) {
        return Ok(*color);
    }
    if let Some(hex) = text.strip_prefix('#') {
        let value = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6 && hex.chars().all(|c| c.is_ascii_hexdigit()));
        return value.map(Color::from_u32).ok_or_else(|| format!("{text:?} is no colour: # and six digits of 0 to f, as #0087d7"));
    }
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.parse().map(Color::Indexed).map_err(|_| format!("{text:?} is no colour: numbers go from 0 to 255"));
    }
    let known = || NAMED.iter().map(|(name, ..)| *name).chain(["default"]).chain(ATTRIBUTES.iter().map(|(name, _)| *name));
    let hint = nearest(text, known()).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
    let known: Vec<&str> = known().collect();
    Err(format!("{text:?} is neither colour nor attribute: #rrggbb, 0 to 255, {}{hint}", known.join(", ")))
}

/// About what a colour looks like; unknown of the terminal's own.
fn rgb(color: Color) -> Option<(u8, u8, u8)> {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match color {
        Color::Reset => None,
        Color::Rgb(r, g, b) => Some((r, g, b)),
        Color::Indexed(index @ 0..16) => NAMED.get(usize::from(index)).map(|(_, _, rgb)| *rgb),
        Color::Indexed(index @ 16..232) => {
            let index = index - 16;
            Some((level(index / 36), level(index / 6 % 6), level(index % 6)))
        }
        Color::Indexed(index) => Some((8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232))),
        named => NAMED.iter().find(|(_, color, _)| *color == named).map(|(_, _, rgb)| *rgb),
    }
}

/// The nearest colour that a terminal has.
fn reduced(color: Color, depth: Depth) -> Color {
    let Some(wanted) = rgb(color) else { return color };
    let far = |(r, g, b): (u8, u8, u8)| {
        let part = |one: u8, other: u8| u32::from(one.abs_diff(other)).pow(2);
        2 * part(r, wanted.0) + 4 * part(g, wanted.1) + 3 * part(b, wanted.2)
    };
    match (depth, color) {
        (Depth::Sixteen, Color::Rgb(..) | Color::Indexed(16..)) => {
            NAMED.iter().min_by_key(|(_, _, rgb)| far(*rgb)).map_or(color, |(_, color, _)| *color)
        }
        (Depth::Many, Color::Rgb(..)) => {
            // the first sixteen are what the terminal says they are
            let nearest = (16..=255).min_by_key(|index| rgb(Color::Indexed(*index)).map_or(u32::MAX, far));
            nearest.map_or(color, Color::Indexed)
        }
        _ => color,
    }
}

/// How bright a colour is, 0 to 1, as eyes see it.
fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// How far two colours are apart, 1 for the same to 21 for black and white.
fn contrast(one: Color, other: Color) -> Option<f64> {
    let (one, other) = (luminance(rgb(one)?), luminance(rgb(other)?));
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

/// A theme with some roles painted otherwise.
#[must_use]
pub fn painted(base: &Theme, paints: &[(Role, Paint)], depth: Depth) -> Theme {
    let mut theme = base.clone();
    for (role, paint) in paints {
        paint.on(role.of(&mut theme), depth);
    }
    // two colours apart may have the same nearest one
    if unseen(&theme.production).is_some() {
        theme.production = base.production;
    }
    theme
}

/// Why the band of a production run would not be seen as one.
fn unseen(band: &Style) -> Option<&'static str> {
    let reversed = band.add_modifier.contains(Modifier::REVERSED);
    let plain = |color: Option<Color>| color.is_none_or(|color| color == Color::Reset);
    match (band.fg, band.bg) {
        (fg, bg) if plain(fg) && plain(bg) => (!reversed).then_some("it is a band: name a colour behind it, \"white on red\""),
        (fg, bg) if plain(bg) || plain(fg) => (!reversed || plain(fg)).then_some("it needs two colours: \"white on red\""),
        (Some(fg), Some(bg)) if contrast(fg, bg).is_none_or(|contrast| contrast < 3.0) => {
            Some("its text and what is behind it are too much alike to be read")
        }
        _ => None,
    }
}

/// Reads the roles that are painted otherwise on a palette.
///
/// # Errors
/// A role or a colour that is not there, or a production run that could not be told from others.
pub fn read<'a>(base: &Theme, said: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<(Role, Paint)>, String> {
    let mut paints = Vec::new();
    for (name, text) in said {
        let role = Role::named(name)?;
        paints.push((role, Paint::parse(text).map_err(|why| format!("{name}: {why}"))?));
    }
    let mut theme = base.clone();
    for (role, paint) in &paints {
        paint.on(role.of(&mut theme), Depth::Any);
    }
    match unseen(&theme.production) {
        Some(why) => Err(format!("production: {why}; a run in production must be told from every other")),
        None => Ok(paints),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paint_should_be_read_as_it_is_written() {
        let paint = |text: &str| Paint::parse(text).unwrap();
        assert_eq!(paint("#0087d7 bold"), Paint { fg: Some(Color::Rgb(0, 0x87, 0xd7)), bg: None, attributes: Some(Modifier::BOLD) });
        assert_eq!(paint("white on 160").bg, Some(Color::Indexed(160)));
        assert_eq!(paint("bright-red underlined reversed").attributes, Some(Modifier::UNDERLINED | Modifier::REVERSED));
        assert_eq!(paint("plain").attributes, Some(Modifier::empty()));
        for (text, why) in [
            ("", "nothing is said"),
            ("on", "a colour belongs after"),
            ("red green", "one colour too many"),
            ("#12345", "six digits"),
            ("#+12345", "six digits"),
            ("256", "from 0 to 255"),
            ("redd", "did you mean \"red\"?"),
            ("blod", "did you mean \"bold\"?"),
        ] {
            let said = Paint::parse(text).unwrap_err();
            assert!(said.contains(why), "{text:?}: {said}");
        }
    }

    #[test]
    fn theme_should_keep_what_is_not_said_and_fit_the_terminal() {
        let said = [("accent", "#ff8800"), ("broken", "bright-red"), ("text", "underlined")];
        let paints = read(&Theme::dark(), said).unwrap();
        let any = painted(&Theme::dark(), &paints, Depth::Any);
        assert_eq!(any.accent, Style::new().fg(Color::Rgb(255, 0x88, 0)));
        assert_eq!(any.broken, Style::new().fg(Color::LightRed).add_modifier(Modifier::BOLD));
        assert_eq!(any.text, Theme::dark().text.add_modifier(Modifier::UNDERLINED));
        assert_eq!(any.held, Theme::dark().held);
        assert_eq!(painted(&Theme::dark(), &paints, Depth::Many).accent.fg, Some(Color::Indexed(208)));
        let few = painted(&Theme::sixteen(), &paints, Depth::Sixteen).accent.fg.unwrap();
        assert!(NAMED.iter().any(|(_, color, _)| *color == few), "{few:?}");
    }

    #[test]
    fn production_should_stay_a_band_that_is_seen() {
        let dark = Theme::dark();
        for (text, why) in [("red on red", "too much alike"), ("#ff0000 on #fe0010", "too much alike"), ("on default", "two colours")] {
            let said = read(&dark, [("production", text)]).unwrap_err();
            assert!(said.contains(why), "{text:?}: {said}");
        }
        assert!(read(&Theme::mono(), [("production", "plain")]).unwrap_err().contains("it is a band"));
        assert!(read(&dark, [("production", "white on blue"), ("held", "red")]).is_ok());
        assert!(read(&dark, [("produktion", "white on blue")]).unwrap_err().contains("did you mean \"production\"?"));
        // where few colours are, what they come to may be the same
        let paints = read(&dark, [("production", "#c07070 on #400000")]).unwrap();
        for depth in [Depth::Sixteen, Depth::Many, Depth::Any] {
            assert_eq!(unseen(&painted(&Theme::sixteen(), &paints, depth).production), None, "{depth:?}");
        }
    }
}
