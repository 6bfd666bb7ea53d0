//! The kinds that are passed on as written: only name, selector, mode and duration are understood,
//! and the server's dry run is the judge of the rest.

use super::forms::Form;
use super::schema::{MODES, Object, SELECTOR, Shape, around, may, needs, text};

/// `HTTPChaos`, `DNSChaos`, `TimeChaos`.
pub static OTHER_CHAOS: Object = Object { fields: &around(&OTHER_SPEC), open: false };

/// `spec` of any of them.
pub(super) static OTHER_SPEC: Object = Object {
    fields: &[
        needs("mode", Shape::Word(MODES)),
        may("value", text(Form::Any)),
        may("selector", Shape::Object(&SELECTOR)),
        may("containerNames", Shape::List(&text(Form::ContainerName))),
        may("duration", text(Form::Duration)),
        may("remoteCluster", text(Form::Any)),
    ],
    open: true,
};
