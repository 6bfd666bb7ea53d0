//! The scenario file: what it says, what is wrong with it, and the model of it.

pub mod model;
