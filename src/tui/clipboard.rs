//! The clipboard: the system's own where there is one, or else the terminal's, by OSC 52.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How much a terminal takes by OSC 52, in bytes of text: some stop at 100,000 of base64, as k9s found.
const MOST: usize = 74_994;

/// How long a clipboard program may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// The variable that chooses: `auto`, `native` or `osc52`.
const CHOICE: &str = "GAMEDAY_CLIPBOARD";

/// The programs that fill a system's clipboard from their input, and the variable without which one can't.
const NATIVE: [(&str, &[&str], Option<&str>); 4] = [
    ("wl-copy", &[], Some("WAYLAND_DISPLAY")),
    ("xclip", &["-selection", "clipboard"], Some("DISPLAY")),
    ("xsel", &["--clipboard", "--input"], Some("DISPLAY")),
    ("pbcopy", &[], None),
];

/// Puts a text there; says which way it went.
///
/// # Errors
/// Why it could not be put there.
pub fn put(text: &str, terminal: &mut impl Write) -> Result<&'static str, String> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let choice = std::env::var(CHOICE).unwrap_or_default();
    // far from home the system's clipboard is somebody else's
    let away = set("SSH_CONNECTION") || set("SSH_TTY");
    let (native, osc) = match choice.as_str() {
        "native" => (true, false),
        "osc52" => (false, true),
        "" | "auto" => (!away, true),
        other => return Err(format!("{CHOICE} is {other:?}: auto, native or osc52")),
    };
    if native {
        for (program, args, needs) in NATIVE {
            if needs.is_none_or(set) && filled(program, args, text) {
                return Ok(program);
            }
        }
    }
    if !osc {
        return Err("no clipboard program here takes it: wl-copy, xclip, xsel or pbcopy".to_owned());
    }
    if text.len() > MOST {
        return Err(format!("{} bytes are more than terminals take ({MOST})", text.len()));
    }
    let sent = write!(terminal, "\u{1b}]52;c;{}\u{7}", STANDARD.encode(text)).and_then(|()| terminal.flush());
    sent.map_or_else(|error| Err(error.to_string()), |()| Ok("by the terminal, OSC 52"))
}

/// Whether a program took it, within a moment: a display that does not answer must not hold the screen up.
fn filled(program: &'static str, args: &'static [&'static str], text: &str) -> bool {
    let (done, ended) = channel();
    let text = text.to_owned();
    let filling = thread::Builder::new().name("clipboard".to_owned()).spawn(move || done.send(fill(program, args, &text).is_ok()));
    filling.is_ok() && ended.recv_timeout(PATIENCE) == Ok(true)
}

fn fill(program: &str, args: &[&str], text: &str) -> io::Result<()> {
    let mut child = Command::new(program).args(args).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    if child.wait()?.success() { Ok(()) } else { Err(io::Error::other("it failed")) }
}
