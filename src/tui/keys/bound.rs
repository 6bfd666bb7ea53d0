//! The keys as they are bound here: the table, with what the settings change of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent};

use crate::effect::Danger;
use crate::scenario::nearest;
use crate::tui::keys::key::Key;
use crate::tui::keys::table::{Binding, TABLE};
use crate::tui::keys::{Act, SCOPES, Scope};

/// What others clear, delete or kill by: nothing that reaches the cluster lies under these.
const OF_OTHERS: [Key; 3] = [Key::Ctrl('d'), Key::Ctrl('k'), Key::Ctrl('r')];

/// What nothing is bound to yet, and the screen that each is kept for: whoever binds it to something else would lose that screen.
pub const KEPT: [(Key, &str); 3] = [(Key::Char('7'), "drills"), (Key::Char('8'), "cost"), (Key::Char('9'), "people")];

/// The bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys(Cow<'static, [Binding]>);

impl Default for Keys {
    fn default() -> Keys {
        Keys(Cow::Borrowed(TABLE))
    }
}

impl Keys {
    /// The table with other keys for some commands, by their names.
    ///
    /// # Errors
    /// There is no such command or key, a key would do two things, or one that must stay where it is would move.
    pub fn rebound(changes: &BTreeMap<String, Vec<String>>) -> Result<Keys, String> {
        let mut bindings = TABLE.to_vec();
        for (name, keys) in changes {
            let parsed: Vec<Key> =
                keys.iter().map(|key| key.parse()).collect::<Result<_, String>>().map_err(|why| format!("{name}: {why}"))?;
            if !TABLE.iter().any(|binding| binding.act.name() == name) {
                let near = nearest(name, TABLE.iter().map(|binding| binding.act.name()));
                let hint = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
                return Err(format!("no command is called {name:?}: `gameday keys` lists them{hint}"));
            }
            if parsed.is_empty() {
                return Err(format!("{name}: a command without a key can't be given; name at least one"));
            }
            for binding in bindings.iter_mut().filter(|binding| binding.act.name() == name) {
                bind(binding, &parsed)?;
            }
        }
        let keys = Keys(Cow::Owned(bindings));
        keys.each_does_one_thing()?;
        Ok(keys)
    }

    /// What a key does in a scope.
    #[must_use]
    pub fn find(&self, scope: Scope, event: KeyEvent) -> Option<&Binding> {
        self.0.iter().find(|binding| binding.scopes.contains(&scope) && binding.keys.iter().any(|key| key.is(event)))
    }

    /// The bindings of a scope, in the table's order.
    pub fn of(&self, scope: Scope) -> impl Iterator<Item = &Binding> {
        self.0.iter().filter(move |binding| binding.scopes.contains(&scope))
    }

    /// All bindings, in the table's order.
    pub fn all(&self) -> impl Iterator<Item = &Binding> {
        self.0.iter()
    }

    /// The first key of what is done in a scope, as it stands on the key.
    #[must_use]
    pub fn key(&self, scope: Scope, act: Act) -> String {
        self.of(scope)
            .find(|binding| binding.act == act)
            .and_then(|binding| binding.keys.first())
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    fn each_does_one_thing(&self) -> Result<(), String> {
        for scope in SCOPES {
            let mut taken: Vec<(Key, Act)> = Vec::new();
            for binding in self.of(scope) {
                for key in binding.keys.iter() {
                    if let Some((_, other)) = taken.iter().find(|(of, _)| of == key) {
                        let (one, two, place) = (other.name(), binding.act.name(), scope.says());
                        return Err(format!("{key} would be both {one:?} and {two:?} ({place}): give one of them another key"));
                    }
                    taken.push((*key, binding.act));
                }
            }
        }
        Ok(())
    }
}

/// Gives a row of the table other keys, as far as they can work where it works.
fn bind(binding: &mut Binding, keys: &[Key]) -> Result<(), String> {
    let name = binding.act.name();
    let always = [Key::Ctrl('c'), Key::Code(KeyCode::Esc)];
    if let Some(fixed) = always.iter().find(|fixed| binding.keys.contains(fixed) || keys.contains(fixed)) {
        let kept = binding.keys.contains(fixed) && keys.contains(fixed);
        if !kept {
            return Err(format!("{name}: {fixed} always does the same, whatever the settings say"));
        }
    }
    if let Some((key, screen)) = KEPT.iter().find(|(key, _)| keys.contains(key)) {
        return Err(format!("{name}: {key} is kept for a screen to come, {screen}; take another key"));
    }
    if let Some(of_others) = OF_OTHERS.iter().find(|key| binding.danger != Danger::None && keys.contains(key)) {
        return Err(format!(
            "{name}: {of_others} means something else to the fingers of other tools; what reaches the cluster has no place there"
        ));
    }
    // where text is written a character is written
    let writing = binding.scopes.contains(&Scope::Writing);
    let can: Vec<Key> = keys.iter().copied().filter(|key| !(writing && matches!(key, Key::Char(_)))).collect();
    if !can.is_empty() {
        binding.keys = Cow::Owned(can);
    }
    Ok(())
}
