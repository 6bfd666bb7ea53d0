//! `gameday keys`: the key table, as it is bound here.

use crate::cli::{Failure, config, print};
use crate::effect::Danger;
use crate::tui::keys::{Binding, Scope};

pub fn keys() -> Result<u8, Failure> {
    let bound = config::keys()?;
    let mut text = format!("{:<16} {:<18} {:<7} does (where)\n", "command", "keys", "danger");
    for binding in bound.all() {
        let keys: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
        let danger = match binding.danger {
            Danger::Breaks => "breaks",
            Danger::Writes => "writes",
            Danger::None | Danger::Reads => "",
        };
        text.push_str(&format!("{:<16} {:<18} {:<7} {} ({})\n", binding.act.name(), keys.join(" "), danger, binding.says, places(binding)));
    }
    print(&text);
    Ok(0)
}

fn places(binding: &Binding) -> String {
    binding.scopes.iter().copied().map(Scope::says).collect::<Vec<_>>().join(", ")
}
