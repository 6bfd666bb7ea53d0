//! gameday: the terminal cockpit for game days on Kubernetes.

pub mod archive;
pub mod cli;
pub mod clock;
pub mod command;
pub mod criterion;
pub mod driver;
pub mod edge;
pub mod effect;
pub mod event;
pub mod face;
pub mod fault;
pub mod findings;
pub mod header;
pub mod headless;
pub mod journal;
pub mod manifest;
pub mod report;
pub mod run;
pub mod scenario;
pub mod text;
pub mod tui;
pub mod wording;
