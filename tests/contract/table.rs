//! The differences that are meant.

/// The calls (a star for anything), the place in the answer (likewise), and why the practice cluster, which plays 1.36, is not as 1.20 there.
pub const MEANT: &[(&str, &str, &str)] = &[];
