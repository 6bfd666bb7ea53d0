//! The practice cluster in a process of its own, and what one asks it without a client.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::{gameday, until};

/// The practice cluster in a process of its own.
pub struct Served {
    child: Child,
    /// How others come to it.
    pub kubeconfig: PathBuf,
    api: String,
    folder: PathBuf,
}

impl Served {
    /// Starts it with these flags of `rehearsal serve`.
    pub fn start(folder: &Path, flags: &[&str]) -> Served {
        let kubeconfig = folder.join("kubeconfig");
        let mut command = gameday(folder);
        command.args(["rehearsal", "serve", "--kubeconfig"]).arg(&kubeconfig).args(flags);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let api = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().trim_end_matches(',').to_owned();
        until("the kubeconfig", || kubeconfig.exists());
        Served { child, kubeconfig, api, folder: folder.to_owned() }
    }

    /// Asks with the bare minimum of HTTP; what was asked has to be granted.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (code, answer) = self.try_ask(method, path, body);
        assert!((200..300).contains(&code), "{method} {path}: {code} {answer}");
        answer
    }

    /// The same, with its status code.
    pub fn try_ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let host = self.api.strip_prefix("http://").unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let head = format!("Accept: application/json\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {}", body.len());
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: {host}\r\n{head}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let code = head.split_whitespace().nth(1).unwrap().parse().unwrap();
        (code, serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
    }

    /// gameday, in front of this cluster.
    pub fn gameday(&self, arguments: &[&str]) -> Command {
        let mut command = gameday(&self.folder);
        command.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        command
    }

    /// What `gameday doctor` says of a scenario.
    pub fn doctor(&self, scenario: &str, flags: &[&str]) -> Checklist {
        let file = self.folder.join("drill.yaml");
        std::fs::write(&file, scenario).unwrap();
        let mut command = self.gameday(&["doctor", file.to_str().unwrap(), "--output", "json"]);
        Checklist::of(&command.args(flags).output().unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `doctor` said.
#[derive(Debug)]
pub struct Checklist {
    pub code: Option<i32>,
    pub lines: Vec<Value>,
    pub whole: String,
}

impl Checklist {
    pub fn of(output: &Output) -> Checklist {
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{}", super::said(output)))).collect();
        Checklist { code: output.status.code(), lines, whole: super::said(output) }
    }

    /// Whether a check came out so.
    pub fn has(&self, check: &str, verdict: &str) -> bool {
        self.lines.iter().any(|line| line["check"] == check && line["verdict"] == verdict)
    }

    /// What was seen by a check that came out so, and what mends it: every one that did not pass says that.
    pub fn told(&self, check: &str, verdict: &str) -> (String, String) {
        let line = self.lines.iter().find(|line| line["check"] == check && line["verdict"] == verdict);
        let line = line.unwrap_or_else(|| panic!("{check} did not {verdict}: {}", self.whole));
        for line in &self.lines {
            let silent = line["mend"].as_str().is_none_or(str::is_empty);
            let well = matches!(line["verdict"].as_str(), Some("pass" | "waiting"));
            assert!(well || !silent, "nothing mends {line}");
            let mend = line["mend"].as_str().unwrap_or_default();
            assert!(!mend.contains('…') && !mend.contains("FILE") && !mend.contains("NAME"), "{line}");
        }
        let fails = self.lines.iter().any(|line| line["verdict"] == "fail");
        assert!(!fails || self.code == Some(3), "{}", self.whole);
        (line["seen"].as_str().unwrap().to_owned(), line["mend"].as_str().unwrap_or_default().to_owned())
    }
}
