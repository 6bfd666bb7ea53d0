//! The served practice cluster under a crowd: watches that nobody reads, requests that never end, bodies without end.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{gameday, scratch, until};

/// How many watch at the same time.
const CROWD: usize = 1000;
/// How much more memory it may take for them, in KiB.
const ROOM: u64 = 64 * 1024;

struct Served {
    child: Child,
    host: String,
}

impl Served {
    fn start(name: &str) -> Served {
        let folder = scratch(name);
        let mut serve = gameday(&folder);
        let mut child = serve.args(["rehearsal", "serve", "--kubeconfig"]).arg(folder.join("k")).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let host = line.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
        Served { child, host }
    }

    /// Sends what is given and keeps the connection.
    fn begin(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.write_all(request.replace("HOST", &self.host).as_bytes()).unwrap();
        stream
    }

    /// The status line of the answer to a whole request.
    fn status(&self, request: &str) -> String {
        let mut line = String::new();
        BufReader::new(self.begin(request)).read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    /// What it holds now, in KiB.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Changes one label of a pod that every watch is told of.
    fn change(&self, n: usize) {
        let body = format!("{{\"metadata\":{{\"labels\":{{\"n\":\"{n}\"}}}}}}");
        let head =
            format!("Host: HOST\r\nContent-Type: application/merge-patch+json\r\nContent-Length: {}\r\nConnection: close", body.len());
        let status = self.status(&format!("PATCH /api/v1/namespaces/staging/pods/task-db-0 HTTP/1.1\r\n{head}\r\n\r\n{body}"));
        assert_eq!(status, "HTTP/1.1 200 OK");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Room for so many connections, here and in what is started from here.
fn with_handles() -> bool {
    let most = getrlimit(Resource::Nofile).maximum;
    let wanted = 2 * CROWD as u64 + 100;
    most.is_none_or(|most| most >= wanted) && setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: most }).is_ok()
}

#[test]
fn thousand_watches_that_nobody_reads_should_cost_little_and_hold_nobody_up() {
    if !with_handles() {
        println!("skipped: not so many connections are allowed here");
        return;
    }
    let served = Served::start("crowd");
    let before = served.memory();
    let watch = "GET /api/v1/namespaces/staging/pods?watch=1 HTTP/1.1\r\nHost: HOST\r\n\r\n";
    let mut crowd: Vec<TcpStream> = (0..CROWD).map(|_| served.begin(watch)).collect();
    let mut last = crowd.pop().unwrap();
    let mut seen = [0; 64];
    last.read_exact(&mut seen).unwrap();
    assert!(seen.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&seen));
    for n in 0..50 {
        served.change(n);
    }
    let after = served.memory();
    println!("{CROWD} watches: {before} KiB before, {after} KiB with 50 changes that nobody has read");
    assert!(after < before + ROOM, "{before} KiB, then {after} KiB");
    // who reads late has lost nothing
    let mut reader = BufReader::new(last);
    let mut line = String::new();
    until("the last change", || {
        line.clear();
        reader.read_line(&mut line).unwrap();
        line.contains("\"n\":\"49\"")
    });
    drop(crowd);
    let status = served.status("GET /readyz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    assert_eq!(status, "HTTP/1.1 200 OK");
}

#[test]
fn bodies_and_heads_without_end_should_be_refused_and_held_nowhere() {
    let served = Served::start("endless");
    let before = served.memory();
    let head = "POST /api/v1/namespaces/staging/pods HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json";
    // as by the real one, a body is read no further than it may be
    let mut endless = served.begin(&format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n"));
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let sent = (0..2000).take_while(|_| endless.write_all(chunk.as_bytes()).is_ok()).count();
    assert!(sent < 2000, "{sent} chunks of 64 KiB were taken");
    let mut flood = served.begin("GET / HTTP/1.1\r\nHost: HOST\r\n");
    let line = format!("X-A: {}\r\n", "y".repeat(8000));
    let sent = (0..2000).take_while(|_| flood.write_all(line.as_bytes()).is_ok()).count();
    assert!(sent < 2000, "{sent} header lines of 8 KB were taken");
    let after = served.memory();
    assert!(after < before + ROOM, "{before} KiB, then {after} KiB");
    assert_eq!(served.status("GET /readyz HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"), "HTTP/1.1 200 OK");
}
