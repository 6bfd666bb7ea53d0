//! The events that Chaos Mesh writes about its objects.

use serde_json::{Value, json};

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::Object;
use crate::rehearsal::controllers::Hand;
use crate::rehearsal::controllers::recorder::{Note, record_with};

/// An event of this step with nothing more to say than its message.
pub fn plain(hand: &Hand, kind: Kind, about: &Object, component: &str, (reason, message): (&str, &str)) {
    let word = match (reason, message) {
        ("FinalizerInited", "Finalizer has been removed") => "finalizer-removed".to_owned(),
        _ => kebab(reason),
    };
    write(hand, kind, about, Note::normal(component, reason, message), json!({"chaos-mesh.org/type": word}));
}

/// That a part of the object was written.
pub fn updated(hand: &Hand, kind: Kind, about: &Object, component: &str, field: &str) {
    let message = format!("Successfully update {field} of resource");
    let annotations = json!({"chaos-mesh.org/field": field, "chaos-mesh.org/type": "updated"});
    write(hand, kind, about, Note::normal(component, "Updated", &message), annotations);
}

/// That chaos was applied to a target, or recovered.
pub fn done(hand: &Hand, kind: Kind, about: &Object, recovered: bool, id: &str) {
    let (reason, message) = if recovered {
        ("Recovered", format!("Successfully recover chaos for {id}"))
    } else {
        ("Applied", format!("Successfully apply chaos for {id}"))
    };
    let annotations = json!({"chaos-mesh.org/id": id, "chaos-mesh.org/type": kebab(reason)});
    write(hand, kind, about, Note::normal("records", reason, &message), annotations);
}

/// That something failed.
pub fn failed(hand: &Hand, kind: Kind, about: &Object, component: &str, activity: &str, why: &str) {
    let message = format!("Failed to {activity}: {why}");
    let annotations = json!({"chaos-mesh.org/activity": activity, "chaos-mesh.org/err": why, "chaos-mesh.org/type": "failed"});
    write(hand, kind, about, Note::normal(component, "Failed", &message).as_warning(), annotations);
}

/// An event with annotations of its own; `true` beside the component for a warning.
pub fn say(
    hand: &Hand,
    kind: Kind,
    about: &Object,
    (component, warning): (&str, bool),
    (reason, message): (&str, &str),
    annotations: Value,
) {
    let note = Note::normal(component, reason, message);
    write(hand, kind, about, if warning { note.as_warning() } else { note }, annotations);
}

fn write(hand: &Hand, kind: Kind, about: &Object, note: Note<'_>, annotations: Value) {
    record_with(hand, kind, about, note, annotations);
}

fn kebab(reason: &str) -> String {
    let mut word = String::new();
    for c in reason.chars() {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}
