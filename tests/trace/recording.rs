//! A recording of the real Chaos Mesh: what a client asked, what it was answered, what its watches showed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub struct Recording {
    pub name: String,
    pub meta: Value,
    pub lines: Vec<Value>,
}

/// All recordings of a folder, by name.
pub fn all(folder: &Path) -> Vec<Recording> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    paths.sort();
    assert!(!paths.is_empty(), "no recordings in {}", folder.display());
    paths.iter().map(|path| Recording::read(path)).collect()
}

impl Recording {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let meta = lines.next().unwrap()["meta"].clone();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Self { name, meta, lines: lines.collect() }
    }

    /// When a line was written, in seconds since the first request.
    pub fn at(line: &Value) -> f64 {
        line["t"].as_f64().unwrap()
    }

    /// When the last line was written.
    pub fn end(&self) -> f64 {
        self.lines.iter().map(Self::at).fold(0.0, f64::max)
    }

    fn objects(&self) -> impl Iterator<Item = (f64, &Value)> {
        self.lines.iter().filter(|line| line["watch"].is_string()).map(|line| (Self::at(line), &line["object"]))
    }

    /// The pods that were there before: by namespace and `app` label, how many, and the names of their containers.
    pub fn workloads(&self) -> BTreeMap<(String, String), (u32, Vec<String>)> {
        let mut found: BTreeMap<_, (u32, Vec<String>)> = BTreeMap::new();
        for (_, pod) in self.objects().filter(|(t, object)| *t < 0.0 && object["kind"] == "Pod") {
            let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let containers = pod["spec"]["containers"].as_array().into_iter().flatten().map(|c| c["name"].as_str().unwrap().to_owned());
            let entry = found.entry((text("/metadata/namespace"), text("/metadata/labels/app"))).or_default();
            entry.0 += 1;
            entry.1 = containers.collect();
        }
        found
    }

    /// How far into a second of the server's clock the first request was: ends by duration fall on whole seconds of it.
    pub fn phase(&self) -> f64 {
        let (mut least, mut most) = (f64::MIN, f64::MAX);
        for (t, object) in self.objects().filter(|(t, _)| *t >= 0.0) {
            // An event is seen within some milliseconds of the second that it names.
            let stamp = object["firstTimestamp"].as_str().filter(|_| object["kind"] == "Event");
            let Some(second) = stamp.and_then(|stamp| chrono::DateTime::parse_from_rfc3339(stamp).ok()) else { continue };
            #[expect(clippy::cast_precision_loss, reason = "seconds of this century")]
            let second = second.timestamp() as f64;
            least = least.max(second - t);
            most = most.min(second + 1.0 - t);
        }
        if least > most || most > 1e17 { 0.5 } else { f64::midpoint(least, most).rem_euclid(1.0) }
    }

    /// What the daemon answered with while it failed, as far as anybody was told.
    pub fn daemon_error(&self) -> String {
        let told = self.lines.iter().find_map(|line| {
            let text = line.to_string();
            let tail = &text[text.find("desc = ")? + 7..];
            Some(tail[..tail.find(['"', '\\'])?].to_owned())
        });
        told.unwrap_or_else(|| "the daemon failed".to_owned())
    }

    /// Whether the daemon was away, and not only failing.
    pub fn daemon_away(&self) -> bool {
        self.lines.iter().any(|line| line.to_string().contains("cannot find daemonIP"))
    }
}
