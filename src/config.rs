//! `config.toml`: what holds for all runs of this machine, and no scenario should have to say.
//!
//! Owns [`Config`]. Reads text; `cli` finds the file. Keys not known are errors: a setting that is misspelt would
//! otherwise be one that is not there, and the settings are about safety.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;
use toml::Table;

use crate::scenario::model::Tier;
use crate::scenario::nearest;

/// How old the held staging run may be that lets a drill into production, in days.
pub const HELD_DAYS: u32 = 30;

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How old a held staging run may be, in days.
    pub held_days: u32,
    /// The image of the pod that the brake is rehearsed on: one with a `sleep`. The target's own where there is none.
    pub brake_image: Option<String>,
    /// The cockpit's palette, by its name: `cli` knows which there are.
    pub palette: Option<String>,
    /// Whether the cockpit draws nothing but ASCII; where it is not said, as the locale says.
    pub ascii: Option<bool>,
    /// Whether charts are of braille, which not every font has.
    pub braille: bool,
    /// Whether the cockpit takes the mouse: then the terminal selects text with Shift alone.
    pub mouse: bool,
    /// A theme of the operator's own: roles painted otherwise, and which palette it begins with (`base`): `cli` knows which there are.
    pub theme: BTreeMap<String, String>,
    /// Other keys for commands of the cockpit, by the commands' names: `cli` knows which there are.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Clusters whose tier is known here.
    pub clusters: Vec<ClusterRule>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            held_days: HELD_DAYS,
            brake_image: None,
            palette: None,
            ascii: None,
            braille: false,
            mouse: true,
            theme: BTreeMap::new(),
            keys: BTreeMap::new(),
            clusters: Vec::new(),
        }
    }
}

/// A cluster, by all that is said of it, and its tier.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ClusterRule {
    /// The kubeconfig context.
    pub context: Option<String>,
    /// The API server's URL.
    pub server: Option<String>,
    /// The uid of its namespace kube-system.
    pub uid: Option<String>,
    /// How careful to be there.
    pub tier: Tier,
}

impl ClusterRule {
    /// Whether this cluster is meant: everything the rule names is so. A uid that could not be read is not held against it.
    #[must_use]
    pub fn means(&self, context: &str, server: &str, uid: Option<&str>) -> bool {
        let same = |server: &str| server.trim_end_matches('/').to_ascii_lowercase();
        self.context.as_deref().is_none_or(|wanted| wanted == context)
            && self.server.as_deref().is_none_or(|wanted| same(wanted) == same(server))
            && self.uid.as_deref().is_none_or(|wanted| uid.is_none_or(|uid| uid == wanted))
    }
}

/// The file can't be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It says something that it can't mean.
    #[error("{}: {why}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What, and what is allowed.
        why: String,
    },
}

impl Config {
    /// The settings of a file.
    ///
    /// # Errors
    /// It can't be read, or says something that it can't mean.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Config::parse(&text).map_err(|why| ConfigError::Wrong { path: path.to_owned(), why }),
            Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
        }
    }

    /// The settings of a text.
    ///
    /// # Errors
    /// What is wrong with it, and what is allowed.
    pub fn parse(text: &str) -> Result<Config, String> {
        let file: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        known("the file", &file, &["gate", "brake", "look", "theme", "keys", "cluster"])?;
        let mut config = Config::default();
        if let Some(gate) = file.get("gate") {
            let gate = gate.as_table().ok_or("gate is a table: [gate]")?;
            known("[gate]", gate, &["held-days"])?;
            if let Some(days) = gate.get("held-days") {
                let days = days.as_integer().and_then(|days| u32::try_from(days).ok()).filter(|days| (1..=365).contains(days));
                config.held_days = days.ok_or("held-days is a number of days from 1 to 365")?;
            }
        }
        if let Some(brake) = file.get("brake") {
            let brake = brake.as_table().ok_or("brake is a table: [brake]")?;
            known("[brake]", brake, &["image"])?;
            let image = brake.get("image").map(|image| image.as_str().filter(|image| !image.trim().is_empty()).map(str::to_owned));
            config.brake_image = image.map(|image| image.ok_or("image is the name of an image that has a sleep command")).transpose()?;
        }
        if let Some(look) = file.get("look") {
            let look = look.as_table().ok_or("look is a table: [look]")?;
            known("[look]", look, &["palette", "ascii", "braille", "mouse"])?;
            let palette = look.get("palette").map(|palette| palette.as_str().map(str::to_owned));
            config.palette = palette.map(|palette| palette.ok_or("palette is a name: \"light\"")).transpose()?;
            config.mouse = look.get("mouse").map_or(Ok(true), |mouse| mouse.as_bool().ok_or("mouse is true or false"))?;
            config.braille = look.get("braille").map_or(Ok(false), |braille| braille.as_bool().ok_or("braille is true or false"))?;
            config.ascii = look.get("ascii").map(|ascii| ascii.as_bool().ok_or("ascii is true or false")).transpose()?;
        }
        if let Some(theme) = file.get("theme") {
            for (role, said) in theme.as_table().ok_or("theme is a table: [theme]")? {
                let said = said.as_str().ok_or_else(|| format!("{role} in [theme] is a text: \"#0087d7 bold\""))?;
                config.theme.insert(role.clone(), said.to_owned());
            }
        }
        if let Some(keys) = file.get("keys") {
            for (command, bound) in keys.as_table().ok_or("keys is a table: [keys]")? {
                let one = bound.as_str().map(|key| vec![key.to_owned()]);
                let several = || bound.as_array()?.iter().map(|key| key.as_str().map(str::to_owned)).collect();
                let bound = one.or_else(several).ok_or_else(|| format!("{command} in [keys] is a key or a list of keys: \"F10\""))?;
                config.keys.insert(command.clone(), bound);
            }
        }
        if let Some(clusters) = file.get("cluster") {
            let clusters = clusters.as_array().ok_or("cluster is a list of tables: [[cluster]]")?;
            for (index, cluster) in clusters.iter().enumerate() {
                let what = format!("[[cluster]] {}", index + 1);
                let table = cluster.as_table().ok_or_else(|| format!("{what} is no table"))?;
                known(&what, table, &["context", "server", "uid", "tier"])?;
                let rule: ClusterRule =
                    cluster.clone().try_into().map_err(|error: toml::de::Error| format!("{what}: {}", error.message()))?;
                if rule.context.is_none() && rule.server.is_none() && rule.uid.is_none() {
                    return Err(format!("{what} names no cluster: give it context, server or uid"));
                }
                config.clusters.push(rule);
            }
        }
        Ok(config)
    }
}

fn known(what: &str, table: &Table, keys: &[&str]) -> Result<(), String> {
    let Some(unknown) = table.keys().find(|key| !keys.contains(&key.as_str())) else { return Ok(()) };
    let hint = nearest(unknown, keys.iter().copied()).map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
    Err(format!("unknown key {unknown:?} in {what}: it has {}{hint}", keys.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn config_should_hold_clusters_and_the_age_of_a_held_run() {
        let text = "[gate]\nheld-days = 14\n[brake]\nimage = \"busybox:1.36\"\n[[cluster]]\ncontext = \"prod-eu\"\ntier = \"production\"\n";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.held_days, 14);
        assert_eq!(config.brake_image.as_deref(), Some("busybox:1.36"));
        assert!(config.clusters[0].means("prod-eu", "https://a:6443", None));
        assert!(!config.clusters[0].means("staging", "https://a:6443", None));
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn rule_should_hold_by_all_that_it_names_and_fear_a_uid_that_is_not_seen() {
        let rule = ClusterRule { context: None, server: Some("https://A:6443/".into()), uid: Some("u1".into()), tier: Tier::Production };
        assert!(rule.means("x", "https://a:6443", Some("u1")));
        assert!(rule.means("x", "https://a:6443", None), "what can't be seen is taken for the worst");
        assert!(!rule.means("x", "https://a:6443", Some("u2")));
        assert!(!rule.means("x", "https://b:6443", Some("u1")));
    }

    #[test]
    fn config_should_refuse_what_it_does_not_know_with_a_suggestion() {
        for (text, said) in [
            ("[gate]\nheld_days = 3", "did you mean \"held-days\"?"),
            ("[gates]", "did you mean \"gate\"?"),
            ("[[cluster]]\ncontxt = \"a\"\ntier = \"staging\"", "did you mean \"context\"?"),
            ("[[cluster]]\ntier = \"staging\"", "names no cluster"),
            ("[[cluster]]\ncontext = \"a\"\ntier = \"prod\"", "unknown variant `prod`"),
            ("[[cluster]]\ncontext = \"a\"", "missing field `tier`"),
            ("[gate]\nheld-days = 0", "from 1 to 365"),
            ("gate = 3", "gate is a table"),
            ("[brake]\nimages = \"busybox\"", "did you mean \"image\"?"),
            ("[brake]\nimage = 3", "has a sleep command"),
            ("[look]\npalete = \"light\"", "did you mean \"palette\"?"),
            ("[look]\npalette = 3", "palette is a name"),
            ("[look]\nascii = 1", "ascii is true or false"),
            ("[look]\nmouse = \"on\"", "mouse is true or false"),
            ("[theme]\naccent = 3", "accent in [theme] is a text"),
            ("theme = \"light\"", "theme is a table"),
            ("[gate", "unclosed table"),
        ] {
            let why = Config::parse(text).unwrap_err();
            assert!(why.contains(said), "{text:?}: {why}");
        }
    }
}
