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
    prometheus: String,
}

impl Served {
    fn start(name: &str) -> Served {
        let folder = scratch(name);
        let mut serve = gameday(&folder);
        let mut child = serve.args(["rehearsal", "serve", "--kubeconfig"]).arg(folder.join("k")).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut hosts = line.split("http://").skip(1).map(|rest| rest.split(',').next().unwrap().trim().to_owned());
        Served { child, host: hosts.next().unwrap(), prometheus: hosts.next().unwrap() }
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

#[test]
fn reader_that_sleeps_through_more_than_is_kept_should_be_told_so_and_cost_little() {
    /// Bytes of each change, and how many: together far more than a connection and the log of changes hold.
    const BIG: usize = 400_000;
    const CHANGES: usize = 250;
    let served = Served::start("sleeper");
    let put = |method: &str, path: &str, n: usize| {
        let body = format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{{\"name\":\"big\"}},\"data\":{{\"n\":\"{n}\",\"x\":\"{}\"}}}}",
            "z".repeat(BIG)
        );
        let head = format!("Host: HOST\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close", body.len());
        served.status(&format!("{method} /api/v1/namespaces/staging/configmaps{path} HTTP/1.1\r\n{head}\r\n\r\n{body}"))
    };
    assert_eq!(put("POST", "", 0), "HTTP/1.1 201 Created");
    let mut sleeper = served.begin("GET /api/v1/namespaces/staging/configmaps?watch=1 HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n");
    let mut seen = [0; 15];
    sleeper.read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"HTTP/1.1 200 OK");
    let before = served.memory();
    for n in 1..=CHANGES {
        assert_eq!(put("PUT", "/big", n), "HTTP/1.1 200 OK");
    }
    let after = served.memory();
    println!("{CHANGES} changes of {BIG} bytes that nobody has read: {before} KiB before, {after} KiB after");
    assert!(after < before + 2 * ROOM, "{before} KiB, then {after} KiB");
    let mut rest = Vec::new();
    sleeper.read_to_end(&mut rest).unwrap();
    let end = String::from_utf8_lossy(&rest[rest.len() - 400..]).into_owned();
    assert!(end.contains("too old resource version") && end.contains("\"code\":410"), "{end}");
    assert!(rest.len() < CHANGES * BIG, "{} bytes came: it was not behind", rest.len());
}

#[test]
fn head_that_never_ends_should_be_given_up() {
    let served = Served::start("dawdler");
    let mut dawdler = served.begin("GET /version HTTP/1.1\r\nHost: HOST\r\n");
    let mut rest = Vec::new();
    // The limit is 32 seconds; the connection gives up reading after 60.
    dawdler.read_to_end(&mut rest).unwrap();
    let told = String::from_utf8_lossy(&rest);
    assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{told}");
}

#[test]
fn bytes_that_are_no_http_should_be_refused_at_both_ports() {
    let mut served = Served::start("noise");
    let prometheus = served.prometheus.clone();
    for host in [served.host.clone(), prometheus.clone()] {
        served.host.clone_from(&host);
        for noise in [
            "\r\n\r\nhello\r\n\r\n",
            "GET\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\r\n\r\n",
            "GET /\u{1}\0 HTTP/1.1\r\nHost: HOST\r\n\r\n",
        ] {
            let mut answer = Vec::new();
            let _ = served.begin(noise).read_to_end(&mut answer);
            let told = String::from_utf8_lossy(&answer);
            assert!(told.is_empty() || told.starts_with("HTTP/1.1 400"), "{host} {noise:?}: {told}");
        }
    }
    let status = |request: &str| served.status(&format!("{request}Connection: close\r\n\r\n"));
    for (request, wanted) in [
        ("BREW /api/v1/query?query=up HTTP/1.1\r\nHost: HOST\r\n", "405"),
        ("DELETE /api/v1/rules HTTP/1.1\r\nHost: HOST\r\n", "405"),
        ("GET /api/v1/query?query=%ff%00( HTTP/1.1\r\nHost: HOST\r\n", "400"),
        ("GET /api/v1/query?query=up&time=never HTTP/1.1\r\nHost: HOST\r\n", "400"),
        ("GET /api/v1/query_range?query=up&start=0&end=9e99&step=0 HTTP/1.1\r\nHost: HOST\r\n", "400"),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: HOST\r\n", "404"),
        ("GET /api/v1/query?query=up HTTP/1.1\r\nHost: elsewhere.example\r\n", "421"),
        ("GET /-/ready HTTP/1.1\r\nHost: HOST\r\n", "200"),
    ] {
        let told = status(request);
        assert!(told.starts_with(&format!("HTTP/1.1 {wanted}")), "{request:?}: {told}");
    }
}
