//! A program at a terminal of its own, what it shows and what it takes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Rows and columns of the terminal.
const SIZE: (u16, u16) = (36, 120);
/// Clock ticks a second, as Linux counts them for `/proc` on every architecture.
const TICKS: f64 = 100.0;

/// What a process has used.
pub struct Used {
    /// User and system, in seconds.
    pub cpu: f64,
    /// What it holds now, in MB.
    pub memory: f64,
    /// The most it ever held, in MB.
    pub most: f64,
}

/// What was read off the terminal.
struct Shown {
    screen: vt100::Parser,
    /// When any of what is waited for first stood there.
    first: Option<Instant>,
    /// When the last of it did.
    whole: Option<Instant>,
    /// When each mark first stood there.
    seen: BTreeMap<String, Instant>,
}

/// A program that looks on; it ends when this is dropped.
pub struct Looker {
    /// What it is called.
    pub name: &'static str,
    /// When it was started.
    pub begun: Instant,
    script: Child,
    keys: Arc<Mutex<ChildStdin>>,
    shown: Arc<Mutex<Shown>>,
}

impl Looker {
    /// Starts it, and looks for `wanted` on its screen: any of it is a useful frame, the last is all there is to see.
    pub fn start(name: &'static str, command: &str, kubeconfig: &str, folder: &Path, wanted: &[&str]) -> Looker {
        let mut script = Command::new("script");
        script
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SHELL", "/bin/bash")
            .env("TERM", "xterm-256color");
        script.env("HOME", folder).env("XDG_DATA_HOME", folder.join("data")).env("KUBECONFIG", kubeconfig);
        let shell = format!("stty rows {} cols {}; exec {command}", SIZE.0, SIZE.1);
        script.args(["-qefc", &shell, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let begun = Instant::now();
        let mut script = script.spawn().unwrap();
        let mut out = script.stdout.take().unwrap();
        let shown = Shown { screen: vt100::Parser::new(SIZE.0, SIZE.1, 0), first: None, whole: None, seen: BTreeMap::new() };
        let shown = Arc::new(Mutex::new(shown));
        let keys = Arc::new(Mutex::new(script.stdin.take().unwrap()));
        let pressed = keys.clone();
        let (told, wanted): (_, Vec<String>) = (shown.clone(), wanted.iter().map(|text| (*text).to_owned()).collect());
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(read @ 1..) = out.read(&mut buffer) {
                if buffer[..read].windows(4).any(|bytes| bytes == b"\x1b[6n") {
                    // a terminal says where its cursor is
                    keys.lock().unwrap().write_all(b"\x1b[1;1R").unwrap();
                }
                told.lock().unwrap().take(&buffer[..read], Instant::now(), &wanted);
            }
        });
        Looker { name, begun, script, keys: pressed, shown }
    }

    /// From its start to its first useful frame.
    pub fn first(&self) -> Option<Duration> {
        self.shown.lock().unwrap().first.map(|first| first.duration_since(self.begun))
    }

    /// From its start to when all there is to see was there.
    pub fn whole(&self) -> Option<Duration> {
        self.shown.lock().unwrap().whole.map(|whole| whole.duration_since(self.begun))
    }

    /// When each mark was on the screen.
    pub fn seen(&self) -> BTreeMap<String, Instant> {
        self.shown.lock().unwrap().seen.clone()
    }

    /// Forgets them.
    pub fn forget(&self) {
        self.shown.lock().unwrap().seen.clear();
    }

    /// The screen as it stands.
    pub fn screen(&self) -> String {
        self.shown.lock().unwrap().screen.screen().contents()
    }

    /// Presses keys.
    pub fn press(&self, keys: &str) {
        self.keys.lock().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// What it has used.
    pub fn used(&self) -> Used {
        let folder = format!("/proc/{}", self.process().unwrap());
        let stat = fs::read_to_string(format!("{folder}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let cpu = (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS;
        let status = fs::read_to_string(format!("{folder}/status")).unwrap();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
            line.unwrap().parse::<f64>().unwrap() * 1024.0 / 1e6
        };
        Used { cpu, memory: of("VmRSS:"), most: of("VmHWM:") }
    }

    /// Its process, below `script`.
    fn process(&self) -> Option<u32> {
        let pid = self.script.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }
}

impl Shown {
    fn take(&mut self, bytes: &[u8], at: Instant, wanted: &[String]) {
        self.screen.process(bytes);
        let text = self.screen.screen().contents();
        if wanted.iter().any(|wanted| text.contains(wanted)) {
            self.first.get_or_insert(at);
        }
        if wanted.last().is_some_and(|wanted| text.contains(wanted)) {
            self.whole.get_or_insert(at);
        }
        let is_mark = |word: &&str| word.len() == 9 && word.starts_with('M') && word.chars().all(|c| c.is_ascii_uppercase());
        for word in text.split_whitespace().filter(is_mark) {
            self.seen.entry(word.to_owned()).or_insert(at);
        }
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        // as whoever closes their terminal: gameday takes its Lease along
        if let Some(process) = self.process() {
            let _ = Command::new("kill").args(["-TERM", &process.to_string()]).status();
            for _ in 0..600 {
                if self.script.try_wait().unwrap().is_some() {
                    break;
                }
                sleep(Duration::from_millis(100));
            }
        }
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}
