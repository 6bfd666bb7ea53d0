//! gameday: the terminal cockpit for game days on Kubernetes.
//!
//! # The heart
//!
//! Everything that happens becomes one typed, timestamped [`event::Entry`]. A pure fold, [`run::Run`],
//! takes entries and answers with [`effect::Effect`]s to perform. The journal file is the entries on
//! disk. Cockpit, headless lines and reports are views of the fold: one truth, many faces.
//!
//! - [`driver`] is the loop: take, stamp, append, apply, perform. It reads the clock, and holds the one
//!   gate that everything that breaks must pass. Journal first, act second: an effect that writes or
//!   breaks is on disk before it leaves, so that another process can finish the undo ([`cli`]'s `recover`
//!   folds the journal and drives on from there).
//! - [`run::Run::apply`] has no clock, no IO, no randomness and no hash order. Time enters as entries;
//!   [`run::Run::next_deadline`] says when it wants the next one.
//! - Verdicts are derived, never stored. What can't be seen is unknown, never good.
//! - [`rehearsal`] plugs in under [`edge`], as an API server that the real kube client talks to. All of
//!   it runs on tokio's paused clock: the same seed gives the same journal, at any speed.
//!
//! # The way of one watch event
//!
//! kube watcher → [`edge::pods::project`] (one small fact; equal facts are dropped; a relist becomes one
//! [`event::Event::PodsListed`]) → bounded inbox → [`driver`] (the operator first, no network in the loop)
//! → stamp → [`journal`] → [`run`] → effects as tasks whose answers come back through the inbox →
//! [`face::Face::show`]. A face on a thread of its own [hears](face::Face::hear) the entries instead, and folds them there.
//! What somebody only wants to look at, a pod's YAML or its log, goes past all that: never journalled ([`face::look`]).
//! In rehearsal such requests have a client of their own ([`edge::Cluster::aside`]): a run is the same with them and without.
//!
//! # The rooms, and who may import whom
//!
//! | room | owns | imports |
//! |---|---|---|
//! | words: [`clock`], [`command`], [`criterion`], [`effect`], [`event`], [`fault`], [`header`], [`manifest`], [`scenario`], [`seat`], [`text`] | what is spoken of | words |
//! | [`run`] | the fold | words |
//! | [`wording`], [`findings`] | every sentence; all that a report may say | words, `run` |
//! | [`journal`], [`archive`] | entries on disk; the folders of runs | words; and `run`, `findings` |
//! | [`face`], [`headless`], `tui` | front ends | words, `run`, `wording`, `findings` |
//! | [`replay`] | a recorded run, played again | words, `run` |
//! | [`report`] | Markdown, JSON | words, `run`, `wording`, `findings` |
//! | [`edge`] | the adapters: API server, Prometheus, HTTP | words |
//! | [`rehearsal`] | the practice cluster | words |
//! | [`config`] | the settings of this machine | words |
//! | [`import`] | Chaos Toolkit experiments and Chaos Mesh manifests as scenarios; what is lost | words |
//! | [`driver`] | the loop | words, `run`, `face`, `journal`, `edge` |
//! | [`cli`] | the process | all |
//!
//! `tests/house.rs` holds this table and the length of files. Text from outside reaches a face or a
//! report only as [`text::Untrusted`].
//!
//! # What safety rests on
//!
//! Watches are our own (`edge::watching`): one that ends before its time is lost sight, and `edge::renewal` drops a
//! pool of connections that went silent. The brake (`run::brake`) is rehearsed with faults of ids that belong to no
//! step. `edge::residue` looks for what outlives its fault, `run::residue` compares before and after. A journal that
//! can't be folded is swept by its token: nothing that gameday breaks depends on gameday being right.
//!
//! # A fault's window
//!
//! `during: fault` lasts from the first victim's impact until the last lasting fault is lifted; for a
//! one-shot fault until the targets have recovered or another step breaks something. An `observe` step
//! that follows belongs to it: otherwise the window of a pod kill would end with the kill.

pub mod archive;
pub mod cli;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod clock;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod command;
pub mod config;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod criterion;
pub mod driver;
pub mod edge;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod effect;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod event;
pub mod face;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod fault;
pub mod findings;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod header;
pub mod headless;
pub mod import;
pub mod journal;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod manifest;
pub mod rehearsal;
pub mod replay;
pub mod report;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod run;
pub mod scenario;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod seat;
#[warn(clippy::wildcard_enum_match_arm)]
pub mod text;
pub mod tui;
pub mod wording;
