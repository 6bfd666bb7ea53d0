//! The findings as JSON, in the form `gameday/report/v1`.

use crate::findings::Findings;

/// The report, indented, with a line end.
///
/// # Errors
/// Those of the serializer; none is known to occur.
pub fn write(findings: &Findings) -> serde_json::Result<String> {
    serde_json::to_string_pretty(findings).map(|text| text + "\n")
}
