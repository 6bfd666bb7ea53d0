//! The practice cluster in a process of its own, and machines that know it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use super::{gameday, until};

/// The practice cluster in a process of its own.
pub struct Served {
    child: Child,
    pub kubeconfig: PathBuf,
    pub api: String,
    pub prometheus: String,
}

impl Served {
    pub fn start(folder: &Path) -> Served {
        Served::at_speed(folder, "2")
    }

    pub fn at_speed(folder: &Path, speed: &str) -> Served {
        Served::with(folder, speed, &[])
    }

    /// With more arguments, such as what is to go wrong.
    pub fn with(folder: &Path, speed: &str, more: &[&str]) -> Served {
        let kubeconfig = folder.join("kubeconfig");
        let mut child = gameday(folder)
            .args(["rehearsal", "serve", "--speed", speed, "--kubeconfig"])
            .arg(&kubeconfig)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut urls = line.split_whitespace().filter(|word| word.starts_with("http://")).map(|url| url.trim_end_matches(',').to_owned());
        let (api, prometheus) = (urls.next().unwrap(), urls.next().unwrap());
        until("the kubeconfig", || kubeconfig.exists());
        Served { child, kubeconfig, api, prometheus }
    }

    /// The answer to a GET below the API server's address.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let list: Value = serde_json::from_str(&get(&format!("{}{path}", self.api))).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// All that runs make or leave behind, by kind and name; in this cluster nobody else makes any of it.
    pub fn ours(&self) -> Vec<String> {
        let kinds = ["networkchaos", "podchaos", "stresschaos", "iochaos", "httpchaos", "dnschaos", "timechaos"];
        let mut found = Vec::new();
        for kind in kinds.into_iter().chain(["workflows", "workflownodes", "schedules"]) {
            found.extend(self.named(&format!("chaos-mesh.org/v1alpha1/{kind}"), "/apis", |_| true));
        }
        // an object of rules stays with its pod: what counts is whether it holds any
        let holds =
            |item: &Value| item["spec"].as_object().is_some_and(|spec| spec.values().any(|v| v.as_array().is_some_and(|v| !v.is_empty())));
        for kind in ["podnetworkchaos", "podiochaos", "podhttpchaos"] {
            found.extend(self.named(&format!("chaos-mesh.org/v1alpha1/{kind}"), "/apis", holds));
        }
        let ours = |item: &Value| item["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "gameday";
        found.extend(self.named("networking.k8s.io/v1/networkpolicies", "/apis", |_| true));
        found.extend(self.named("coordination.k8s.io/v1/namespaces/staging/leases", "/apis", |_| true));
        found.extend(self.named("v1/pods", "/api", ours));
        found
    }

    fn named(&self, path: &str, root: &str, is: impl Fn(&Value) -> bool) -> Vec<String> {
        let items = self.list(&format!("{root}/{path}"));
        items.iter().filter(|item| is(item)).map(|item| format!("{path}/{}", item["metadata"]["name"].as_str().unwrap())).collect()
    }

    /// Whether a fault is there, or what will make one.
    pub fn has_fault(&self) -> bool {
        self.ours().iter().any(|object| object.starts_with("chaos-mesh.org"))
    }

    /// The pods of the Task API that are ready and stay.
    pub fn ready(&self) -> Vec<String> {
        let pods = self.list("/api/v1/namespaces/staging/pods?labelSelector=app%3Dtask-api");
        let is = |pod: &&Value| {
            let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
            pod["metadata"]["deletionTimestamp"].is_null() && conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
        };
        pods.iter().filter(is).map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// A machine that knows the cluster.
    pub fn machine(&self, folder: &Path) -> Machine {
        std::fs::create_dir_all(folder).unwrap();
        Machine { folder: folder.to_owned(), kubeconfig: self.kubeconfig.clone() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody's machine: its own home, its own runs.
pub struct Machine {
    pub folder: PathBuf,
    pub kubeconfig: PathBuf,
}

impl Machine {
    pub fn gameday(&self, arguments: &[&str]) -> Command {
        let mut command = gameday(&self.folder);
        command.env("KUBECONFIG", &self.kubeconfig).args(arguments);
        command
    }

    /// `script` (util-linux) gives it a terminal; where that is not there, there is none.
    pub fn at_terminal(&self, arguments: &str) -> std::io::Result<Child> {
        at_terminal(&self.gameday(&[]), arguments)
    }

    pub fn said(&self, arguments: &[&str]) -> Output {
        self.gameday(arguments).output().unwrap()
    }

    /// A file of this machine.
    pub fn file(&self, name: &str, text: &str) -> String {
        let file = self.folder.join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    }
}

/// Runs gameday at a terminal of its own, with the environment of `command`.
pub fn at_terminal(command: &Command, arguments: &str) -> std::io::Result<Child> {
    let mut terminal = Command::new("script");
    terminal.env_clear().env("TERM", "xterm-256color").envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = format!("stty rows 36 cols 120; exec {} {arguments}", env!("CARGO_BIN_EXE_gameday"));
    terminal.args(["-qefc", &run, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

pub fn get(url: &str) -> String {
    ask("GET", url, "")
}

/// Asks with the bare minimum of HTTP.
pub fn ask(method: &str, url: &str, body: &str) -> String {
    send(method, url, "application/json", body)
}

/// The same with a body of another type.
pub fn send(method: &str, url: &str, content: &str, body: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let head = format!("Accept: application/json\r\nContent-Type: {content}\r\nConnection: close");
    write!(stream, "{method} /{path} HTTP/1.0\r\nHost: {host}\r\n{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}
