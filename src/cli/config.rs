//! `gameday config`: where the settings are, and what they come to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;

use crate::cli::{Failure, Means, REFUSED, gate, print};
use crate::tui::keys::Keys;
use crate::tui::theme::look::{Look, Palette};
use crate::tui::theme::paint::{self, Paint, Role};

/// A file to begin with.
const TEMPLATE: &str = "\
# gameday's settings for this machine. Keys not known are errors.

# [gate]
# held-days = 30                  # how old the held staging run may be that lets a drill into production

# [brake]
# image = \"busybox:1.36\"          # for the pod that the brake is rehearsed on: one with a sleep; else the target's own

# [look]
# palette = \"light\"               # dark, light, colour-blind or mono; NO_COLOR asks for mono
# ascii = true                    # nothing but ASCII is drawn; else as the locale says
# braille = true                  # charts of dots, four to a row and two to a column: the font must have them; else of lines
# mouse = false                   # leave the mouse to the terminal, which selects text with it

# [theme]                         # a theme of your own: some roles of a palette painted otherwise
# base = \"dark\"                   # where it begins; else [look] palette
# accent = \"#0087d7 bold\"         # COLOUR on COLOUR ATTRIBUTES, each may be missing; #rrggbb, 0 to 255, red, bright-red, …;
# production = \"white on blue\"    # bold, dim, underlined, reversed, plain
#                                 # roles: text, strong, quiet, line, accent, second, held, pending, broken, production, badge, window

# [keys]                          # other keys for commands of the cockpit: `gameday keys` lists them; 7, 8 and 9 are kept for screens to come
# stop = [\"!\", \"F10\"]
# note = \"n\"

# [[cluster]]                     # the tier of a run is the strictest of: the scenario, this file, the cluster's own label
# context = \"prod-eu\"             # each that is given must fit: the kubeconfig context, the API server's URL,
# server = \"https://…\"            # the uid of kube-system
# uid = \"…\"
# tier = \"production\"             # development, staging or production
";

/// Where the settings are.
pub struct Settings {
    /// The file.
    pub path: PathBuf,
    /// Whether somebody named it; else it need not be there.
    pub named: bool,
}

/// The file: what `GAMEDAY_CONFIG` names, else `$XDG_CONFIG_HOME/gameday/config.toml`.
pub fn place() -> Option<Settings> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    let named = set("GAMEDAY_CONFIG").map(|path| Settings { path, named: true });
    named.or_else(|| home().map(|home| Settings { path: home.join("gameday/config.toml"), named: false }))
}

/// What the cockpit looks like: what the settings ask for, and what the environment says of the terminal.
pub fn look() -> Result<Look, Failure> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let settings = gate::settings()?;
    let said = settings.palette.as_deref().map(Palette::named).transpose();
    let said = said.map_err(anyhow::Error::msg).context("[look] of config.toml").means(REFUSED)?;
    let (palette, paints) = theme(&settings.theme, said).map_err(anyhow::Error::msg).context("[theme] of config.toml").means(REFUSED)?;
    Ok(Look {
        palette,
        paints,
        no_color: set("NO_COLOR"),
        term: set("TERM"),
        colorterm: set("COLORTERM"),
        locale: ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set),
        ascii: settings.ascii,
        braille: settings.braille,
    })
}

/// Whether the cockpit takes the mouse.
pub fn mouse() -> Result<bool, Failure> {
    Ok(gate::settings()?.mouse)
}

/// The palette that a theme begins with, and the roles that it paints otherwise.
fn theme(said: &BTreeMap<String, String>, palette: Option<Palette>) -> Result<(Palette, Vec<(Role, Paint)>), String> {
    let base = match said.get("base") {
        Some(base) => Palette::named(base)?,
        None => palette.unwrap_or_default(),
    };
    let roles = said.iter().filter(|(role, _)| *role != "base").map(|(role, said)| (role.as_str(), said.as_str()));
    Ok((base, paint::read(&base.theme(), roles)?))
}

/// The keys as the settings bind them.
pub fn keys() -> Result<Keys, Failure> {
    Keys::rebound(&gate::settings()?.keys).map_err(anyhow::Error::msg).context("[keys] of config.toml").means(REFUSED)
}

pub fn config() -> Result<u8, Failure> {
    let settings = gate::settings()?;
    // what the cockpit would refuse is refused here, too
    look()?;
    keys()?;
    let path =
        place().map_or_else(|| "nowhere: neither XDG_CONFIG_HOME nor HOME is set".to_owned(), |place| place.path.display().to_string());
    let mut text = format!("# settings: {path}\n# what they come to:\n#   held-days = {}\n", settings.held_days);
    text.extend(settings.brake_image.iter().map(|image| format!("#   the brake is rehearsed on {image:?}\n")));
    text.extend(settings.palette.iter().map(|palette| format!("#   the cockpit's palette is {palette:?}\n")));
    text.extend(settings.ascii.iter().map(|ascii| format!("#   the cockpit draws {}\n", if *ascii { "ASCII only" } else { "Unicode" })));
    text.extend(settings.braille.then_some("#   charts are of braille\n"));
    text.extend((!settings.mouse).then_some("#   the mouse is the terminal's\n"));
    text.extend(settings.theme.iter().map(|(role, said)| format!("#   the theme's {role} is {said:?}\n")));
    text.extend(settings.keys.iter().map(|(command, keys)| format!("#   the keys of {command} are {}\n", keys.join(", "))));
    for rule in &settings.clusters {
        let parts = [("context", &rule.context), ("server", &rule.server), ("uid", &rule.uid)];
        let said: Vec<String> = parts.iter().filter_map(|(key, value)| Some(format!("{key} {:?}", value.as_ref()?))).collect();
        text.push_str(&format!("#   {} is {}\n", said.join(", "), rule.tier));
    }
    print(&format!("{text}\n{TEMPLATE}"));
    Ok(0)
}
