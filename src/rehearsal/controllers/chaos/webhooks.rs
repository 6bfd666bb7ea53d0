//! stub
use serde_json::Value;

use crate::rehearsal::api::kinds::Kind;
use crate::rehearsal::api::object::Object;
use crate::rehearsal::api::refusal::Refusal;

/// stub
pub fn known_fields(_: Kind, _: &Value) -> Result<(), Refusal> {
    Ok(())
}

/// stub
pub fn admit(_: Kind, _: &mut Value, _: Option<&Object>) -> Result<(), Refusal> {
    Ok(())
}
