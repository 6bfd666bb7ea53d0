//! A command of the user's own: what a `command` criterion looks at.
//!
//! Run without a shell, in a process group of its own, with a scrubbed environment, without input.
//! Of its output 4 KiB are kept. When it has exited, or its time is up, what is left of its group is
//! killed. The values of the variables it is given are never in what is kept.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::clock::go;
use crate::criterion::CommandCheck;
use crate::event::Reading;
use crate::text::Untrusted;

/// How much of its output is kept, in bytes.
const KEPT: usize = 4096;
/// How long the rest of its output is waited for once it has exited.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// What stands for a value of its environment.
const HIDDEN: &str = "[hidden]";
/// What every command is given of gameday's environment.
const GIVEN: [&str; 2] = ["PATH", "HOME"];

/// Runs it once. While it runs no simulated clock goes on.
pub async fn run(check: &CommandCheck) -> Reading {
    let check = check.clone();
    let given = |name: &String| Some((name.clone(), std::env::var_os(name)?));
    let asked: BTreeMap<String, OsString> = check.env.iter().filter_map(given).collect();
    if let Some(missing) = check.env.iter().find(|name| !asked.contains_key(*name)) {
        return Reading::Failed { why: format!("{missing} is not set where gameday was started, and command.env names it").into() };
    }
    let ran = tokio::task::spawn_blocking(move || once(&check, &asked)).await;
    ran.unwrap_or_else(|_| Reading::Failed { why: "the thread of the command failed".into() })
}

fn once(check: &CommandCheck, asked: &BTreeMap<String, OsString>) -> Reading {
    let Some((program, arguments)) = check.argv.split_first() else { return Reading::Failed { why: "no program is named".into() } };
    let name = Untrusted::from(program.as_str()).short(80);
    let started = io::pipe().and_then(|(reader, writer)| {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(GIVEN.iter().filter_map(|name| Some((name, std::env::var_os(name)?)))).envs(asked);
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
        // the command, and with it our ends of the pipe, are dropped here: its end is the end of the output
        Ok((command.spawn()?, reader))
    });
    let (mut child, reader) = match started {
        Ok(started) => started,
        Err(error) => {
            let advice = match error.kind() {
                io::ErrorKind::NotFound => "not found; name it by its path, or put it into PATH".to_owned(),
                io::ErrorKind::PermissionDenied => "not executable; chmod +x it, or name its interpreter first".to_owned(),
                _ => error.to_string(),
            };
            return Reading::Failed { why: format!("{name}: {advice}").into() };
        }
    };
    let output = Arc::new(Mutex::new(Vec::new()));
    // a value that is cut in two at the edge of what is kept must still be known as one
    let longest = asked.values().map(|value| value.len()).max().unwrap_or(0);
    let silent = listen(reader, KEPT + longest, Arc::clone(&output));
    let group = Pid::from_child(&child);
    let in_time = exit_of(group).recv_timeout(check.timeout).is_ok();
    // what it started goes with it; it is not reaped yet, so its id is nobody else's
    let _ = kill_process_group(group, Signal::KILL);
    let status = child.wait();
    let _ = silent.recv_timeout(LAST_WORDS);
    let said = kept(&output.lock().unwrap_or_else(PoisonError::into_inner), asked);
    told(&name, in_time.then_some(status), check.timeout, said)
}

/// Reads all of the output and keeps `most` bytes of it; says when it has ended.
fn listen(mut reader: PipeReader, most: usize, into: Arc<Mutex<Vec<u8>>>) -> Receiver<()> {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(n @ 1..) = reader.read(&mut piece) {
            let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
            let room = most.saturating_sub(kept.len()).min(n);
            kept.extend_from_slice(&piece[..room]);
        }
        let _ = ended.send(());
    });
    end
}

/// Says when a process has exited, and does not reap it.
fn exit_of(process: Pid) -> Receiver<()> {
    let (exited, exit) = mpsc::channel();
    thread::spawn(move || {
        while let Err(Errno::INTR) = waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
        let _ = exited.send(());
    });
    exit
}

/// What is kept of an output: without the values of its environment, and of bounded length.
fn kept(output: &[u8], asked: &BTreeMap<String, OsString>) -> Untrusted {
    let mut text = String::from_utf8_lossy(output).into_owned();
    let mut values: Vec<_> = asked.values().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    // a value that is part of another one must not uncover the rest of it
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()) {
        text = text.replace(value, HIDDEN);
    }
    // the output may end within a value: at the edge of what was read, or where the command was killed
    let pieces = values.iter().map(|value| value.trim()).flat_map(|value| value.char_indices().skip(1).map(move |(end, _)| &value[..end]));
    if let Some(piece) = pieces.filter(|piece| text.ends_with(piece)).max_by_key(|piece| piece.len()) {
        text.truncate(text.len() - piece.len());
    }
    let end = (0..=KEPT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    Untrusted::from(text)
}

/// What its end says; `exited` is `None` where its time was up before.
fn told(name: &str, exited: Option<io::Result<ExitStatus>>, timeout: Duration, output: Untrusted) -> Reading {
    let said = if output.raw().trim().is_empty() { String::new() } else { format!("; it said: {}", output.short(200)) };
    let why = match exited {
        None => format!("{name} did not exit within {}; it and what it started were killed{said}", go(timeout)),
        Some(Err(error)) => format!("{name} can't be waited for: {error}"),
        Some(Ok(status)) => match (status.code().map(u8::try_from), status.signal()) {
            (Some(Ok(exit)), _) => return Reading::Command { exit, output },
            (_, signal) => format!("{name} was ended by signal {}{said}", signal.unwrap_or_default()),
        },
    };
    Reading::Failed { why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(argv: &[&str], seconds: u64) -> CommandCheck {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        CommandCheck { argv, timeout: Duration::from_millis(seconds * 1000), expect: 0, env: Vec::new() }
    }

    fn with(check: &CommandCheck, asked: &[(&str, &str)]) -> Reading {
        once(check, &asked.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect())
    }

    fn failed(reading: &Reading) -> String {
        let Reading::Failed { why } = reading else { panic!("{reading:?}") };
        why.to_string()
    }

    #[test]
    fn command_should_be_told_by_its_exit_and_its_words() {
        let said = with(&command(&["sh", "-c", "echo out; echo err >&2; exit 3"], 10), &[]);
        assert_eq!(said, Reading::Command { exit: 3, output: "out\nerr\n".into() });
        // no shell: what one would unfold is a word like any other
        let said = with(&command(&["echo", "$HOME;", "*"], 10), &[]);
        assert_eq!(said, Reading::Command { exit: 0, output: "$HOME; *\n".into() });
    }

    #[test]
    fn command_should_see_only_what_it_is_given() {
        let Reading::Command { exit: 0, output } = with(&command(&["env"], 10), &[("TOKEN", "x-canary-x")]) else { panic!() };
        let names: Vec<&str> = output.raw().lines().filter_map(|line| line.split('=').next()).collect();
        assert!(names.iter().all(|name| ["PATH", "HOME", "TOKEN", "PWD", "_", "SHLVL"].contains(name)), "{names:?}");
        assert!(names.contains(&"TOKEN"));
        assert!(!output.raw().contains("canary"), "{output}");
        // nothing to read: it does not wait for anybody
        assert_eq!(with(&command(&["cat"], 10), &[]), Reading::Command { exit: 0, output: "".into() });
    }

    #[test]
    fn output_should_be_bounded_and_hide_a_value_at_its_edge() {
        let check = command(&["sh", "-c", "head -c 4090 /dev/zero | tr '\\0' a; echo $TOKEN; yes | head -c 1000000"], 10);
        let Reading::Command { exit: 0, output } = with(&check, &[("TOKEN", "x-canary-x")]) else { panic!() };
        assert!(output.raw().len() <= KEPT);
        assert!(!output.raw().contains("x-"), "{}", &output.raw()[4080..]);
        let hidden = kept(b"longer-secret secret", &[("A".to_owned(), "secret".into()), ("B".to_owned(), "longer-secret".into())].into());
        assert_eq!(hidden, "[hidden] [hidden]".into());
    }

    #[test]
    fn value_that_is_cut_in_two_should_not_leave_its_first_part() {
        let token = "s3cr3t-".repeat(15);
        let printed = token.repeat(1000);
        for cut in [KEPT + 50, KEPT + token.len(), token.len() / 2] {
            let hidden = kept(&printed.as_bytes()[..cut], &[("A".to_owned(), token.clone().into())].into());
            assert!(!hidden.raw().contains("s3"), "{cut}: {}", hidden.raw());
        }
    }

    #[test]
    fn command_that_does_not_end_should_be_killed_with_all_it_started() {
        let folder = std::env::temp_dir().join(format!("gameday-command-{}", std::process::id()));
        let script = format!("sleep 31 & echo $! > {}; sleep 31", folder.display());
        let check = CommandCheck { timeout: Duration::from_millis(400), ..command(&["sh", "-c", &script], 0) };
        let why = failed(&with(&check, &[]));
        assert!(why.contains("did not exit within"), "{why}");
        let child: i32 = std::fs::read_to_string(&folder).unwrap().trim().parse().unwrap();
        std::fs::remove_file(&folder).unwrap();
        // killed with its group: it is gone, or dead and waits for its new parent; a kill takes a moment to arrive
        let state = || std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        let dead = |state: &str| state.is_empty() || state.rsplit(')').next().unwrap().trim().starts_with('Z');
        let died = (0..10_000_000).any(|_| {
            thread::yield_now();
            dead(&state())
        });
        assert!(died, "{}", state());
    }

    #[test]
    fn command_that_is_not_there_should_be_no_answer() {
        assert!(failed(&with(&command(&["/no/such/probe"], 10), &[])).contains("not found"));
        assert!(failed(&with(&command(&["/"], 10), &[])).contains("not executable"));
        assert!(failed(&with(&command(&["sh", "-c", "kill -9 $$"], 10), &[])).contains("signal 9"));
    }
}
