//! The operator's editor.

use std::path::Path;
use std::process::Command as Process;

use anyhow::{Context, anyhow};

/// Opens a file in it, and waits until it is closed.
pub fn open(file: &Path) -> anyhow::Result<()> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".to_owned());
    // an editor may have flags of its own: `code --wait`
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let status = Process::new(program).args(words).arg(file).status();
    let status = status.with_context(|| format!("cannot start {editor:?}: set EDITOR to the editor you use"))?;
    if status.success() { Ok(()) } else { Err(anyhow!("{editor} ended with {status}")) }
}
