//! Reports: the findings as files that people and machines read without gameday.

pub mod json;
pub mod markdown;
