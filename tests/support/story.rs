//! Journals of real runs, folded up to a moment.

use std::path::Path;

use gameday::event::Event;
use gameday::journal::read;
use gameday::run::Run;
use gameday::scenario::{self, Source};

/// The run of a journal of `tests/journals` as it stood so many seconds after its first entry, each entry changed on its way.
pub fn golden(name: &str, until: f64, change: impl Fn(&mut Event)) -> Run {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/journals").join(format!("{name}.jsonl"));
    let mut recorded = read::open(&path).unwrap();
    let header = recorded.header.unwrap();
    let manifests = |path: &str| header.scenario.manifests.get(path).cloned().ok_or_else(|| "not in the journal".to_owned());
    let source = Source { file: &header.scenario.file, text: &header.scenario.text, manifests: &manifests };
    let scenario = scenario::read(&source, &header.scenario.sets).scenario.unwrap();
    let mut run = Run::new(header.clone(), scenario);
    for entry in recorded.entries.iter_mut().filter(|entry| entry.at.seconds() <= until) {
        change(&mut entry.event);
        run.apply(entry);
    }
    run
}
