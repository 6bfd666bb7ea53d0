//! `gameday schema`: what an editor needs to complete and check a scenario.

use crate::cli::{Failure, Means, USAGE, print};
use crate::scenario::schema;

/// Prints the JSON Schema of a scenario file.
pub fn schema() -> Result<u8, Failure> {
    let text = serde_json::to_string_pretty(&schema::of_scenario()).means(USAGE)?;
    print(&format!("{text}\n"));
    Ok(0)
}
