//! The panels: one a file. Each draws into an area of any size, and says how high it wants to be.

pub mod big;
pub mod chart;
pub mod criteria;
pub mod debrief;
pub mod fault;
pub mod faults;
pub mod header;
pub mod help;
pub mod home;
pub mod keyline;
pub mod look;
pub mod metrics;
pub mod palette;
pub mod pods;
pub mod preflight;
pub mod questions;
pub mod recovery;
pub mod strip;
pub mod timeline;
pub mod tiny;
pub mod undo;
pub mod verdict;
pub mod waiting;
