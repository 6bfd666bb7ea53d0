//! What the tests share.
#![allow(
    dead_code,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "each test file uses its part; a test stops where it fails"
)]

pub mod bare_watch;
pub mod cluster;
pub mod life;
pub mod load;
pub mod practice;
pub mod served;
pub mod surgery;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The gameday binary, with nothing of the developer's own surroundings.
pub fn gameday(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("XDG_DATA_HOME", folder.join("data"));
    command.stdin(std::process::Stdio::null());
    command
}

/// A folder of this test's own, empty.
pub fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

pub fn said(output: &Output) -> String {
    format!("{}\n{}\n{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Waits up to a minute for something outside this process.
pub fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !is() {
        assert!(std::time::Instant::now() < deadline, "waited a minute for {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The rights that doctor names together, each by itself: `get, list pods in namespace a` is two.
pub fn rights_apart(list: &str) -> Vec<String> {
    let of_group = |group: &str| -> Vec<String> {
        let (before, last) = group.rsplit_once(", ").unwrap_or(("", group));
        let (verb, thing) = last.split_once(' ').unwrap();
        before.split(", ").filter(|verb| !verb.is_empty()).chain([verb]).map(|verb| format!("{verb} {thing}")).collect()
    };
    list.split("; ").flat_map(of_group).collect()
}
