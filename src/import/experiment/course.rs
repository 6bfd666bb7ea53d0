//! What the method does, one after the other, and how long its faults last.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::draft::Draft;
use super::super::loss::{Fate, What};
use super::super::place::Place;
use crate::clock::go;
use crate::fault::DEFAULT_DURATION;

/// What the method does, one after the other.
pub enum Happening {
    /// A step, perhaps a fault without an end of its own, and what it is called in the cluster; whether the next begins with it.
    Step { step: Value, open: Option<(Place, String, String)>, together: bool },
    /// A pause, in seconds.
    Pause(Place, String, f64),
    /// A fault is taken away.
    Lift(String),
    /// A step that is refused stands in the draft already: its place.
    Unmapped(Value),
}

/// The steps of what happens: faults without an end of their own last for the pauses that follow.
pub fn steps(mut happenings: Vec<Happening>, draft: &mut Draft) {
    for index in 0..happenings.len() {
        let Some(Happening::Step { open: Some((place, called, name)), .. }) = happenings.get(index) else { continue };
        let (place, called, name) = (place.clone(), called.clone(), name.clone());
        let (mut seconds, mut lifted, mut other) = (0.0, false, false);
        let mut absorbed = Vec::new();
        for (at, happening) in happenings.iter().enumerate().skip(index + 1) {
            match happening {
                Happening::Pause(_, _, span) if !other => {
                    seconds += span;
                    absorbed.push(at);
                }
                Happening::Lift(of) if *of == name => {
                    lifted = true;
                    break;
                }
                Happening::Pause(..) | Happening::Lift(_) => {}
                Happening::Step { .. } | Happening::Unmapped(_) => other = true,
            }
        }
        let span = if absorbed.is_empty() { DEFAULT_DURATION } else { Duration::try_from_secs_f64(seconds).unwrap_or(DEFAULT_DURATION) };
        if other {
            let message =
                format!("in the source it goes on while the following actions run; here it is lifted after {}, before them", go(span));
            draft
                .losses
                .note(Fate::Differs, What::Action, &place, &called, message)
                .hint("put what belongs together into one step's parallel: [...], and give spec.duration");
        } else if absorbed.is_empty() {
            let message = format!("the source says no time for it; gameday lifts it after {}", go(span));
            draft.losses.note(Fate::Differs, What::Action, &place, &called, message).hint("write spec.duration for another time");
        } else if lifted {
            draft.losses.note(
                Fate::Mapped,
                What::Action,
                &place,
                &called,
                format!("it lasts {}: the pauses until it is taken away", go(span)),
            );
        } else {
            draft
                .losses
                .note(Fate::Differs, What::Action, &place, &called, format!("it lasts {}: the pauses of the rest of the method", go(span)))
                .hint("write spec.duration for another time");
        }
        if let Some(Happening::Step { step, .. }) = happenings.get_mut(index)
            && let Some(spec) = step.get_mut("fault").and_then(|fault| fault.get_mut("spec")).and_then(Value::as_object_mut)
        {
            spec.insert("duration".to_owned(), json!(go(span)));
        }
        for at in absorbed {
            if let Some(Happening::Pause(place, ..)) = happenings.get(at) {
                draft.losses.note(Fate::Mapped, What::Pause, place, "", "it is how long the fault lasts");
            }
            if let Some(happening) = happenings.get_mut(at) {
                *happening = Happening::Lift(String::new());
            }
        }
    }
    for happening in happenings {
        match happening {
            Happening::Step { step, together, .. } => draft.steps.push((step, together)),
            Happening::Unmapped(step) => draft.steps.push((step, false)),
            Happening::Pause(place, when, seconds) => {
                let span = Duration::try_from_secs_f64(seconds).unwrap_or_default();
                let name = draft.name(&format!("pause {when}"));
                draft.steps.push((json!({"name": name, "observe": go(span)}), false));
                draft.losses.note(Fate::Mapped, What::Pause, &place, "", "a step that observes");
            }
            Happening::Lift(_) => {}
        }
    }
}
