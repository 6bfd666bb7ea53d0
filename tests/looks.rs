//! Looks at pods while a run goes on: they are answered, and the run knows nothing of them.

mod support;

use std::collections::VecDeque;
use std::fs;

use gameday::effect::Verdict;
use gameday::event::Entry;
use gameday::face::look::{Aspect, Look, LookAt};
use gameday::face::{Asked, Face};
use gameday::headless::{Form, Headless};
use gameday::run::Run;
use gameday::run::phase::Phase;
use support::practice::{POD_KILL, play, play_to};
use support::scratch;

/// Lets a face for lines look at a pod, one aspect after another, and marks what it saw.
struct Looker {
    lines: Headless<Vec<u8>>,
    wanted: VecDeque<LookAt>,
    waits: bool,
    seen: Vec<Look>,
}

impl Face for Looker {
    fn hear(&mut self, entry: &Entry) {
        self.lines.hear(entry);
    }

    fn show(&mut self, run: &Run) {
        self.lines.show(run);
        if *run.phase().0 == Phase::Steps && self.seen.is_empty() && self.wanted.is_empty() && !self.waits {
            let Some(mut pod) = run.fleet().targets[0].pods.values().next().map(|pod| pod.fact.pod.clone()) else { return };
            let mut ask = |aspect| self.wanted.push_back(LookAt { pod: pod.clone(), aspect });
            [Aspect::Details, Aspect::Yaml, Aspect::Logs].into_iter().for_each(&mut ask);
            "nobody".clone_into(&mut pod.name);
            self.wanted.push_back(LookAt { pod, aspect: Aspect::Yaml });
        }
    }

    fn looked(&mut self, look: Look) {
        self.seen.push(look);
        self.waits = false;
    }

    async fn asked(&mut self) -> Asked {
        // a newer look would take the place of the one that is waited for
        let next = if self.waits { None } else { self.wanted.pop_front() };
        match next {
            Some(at) => {
                self.waits = true;
                Asked::Look(at)
            }
            None => self.lines.asked().await,
        }
    }
}

#[test]
fn look_should_be_answered_and_reach_neither_run_nor_journal() {
    let home = scratch("looks");
    let plain = play(POD_KILL, 7, &home.join("plain"), |_| async {});
    let face = Looker { lines: Headless::new(Vec::new(), Form::Text, true), wanted: VecDeque::new(), waits: false, seen: Vec::new() };
    let (run, looker) = play_to(face, POD_KILL, 7, &home.join("looked"), |_| async {});
    let seen: Vec<(Aspect, Result<String, String>)> = looker
        .seen
        .iter()
        .map(|look| {
            let text = |lines: &Vec<gameday::text::Untrusted>| lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            (look.at.aspect, look.seen.as_ref().map(text).map_err(ToString::to_string))
        })
        .collect();
    let [(Aspect::Details, Ok(details)), (Aspect::Yaml, Ok(yaml)), (Aspect::Logs, Ok(logs)), (Aspect::Yaml, Err(why))] = &seen[..] else {
        panic!("{seen:?}")
    };
    for (part, of) in [
        ("phase      Running", details),
        ("events, the newest last\n  ", details),
        ("kind: Pod\n", yaml),
        ("\nstatus:\n", yaml),
        ("── task-api, running ──\n", logs),
        ("pod staging/nobody: it is gone", why),
    ] {
        assert!(of.contains(part), "{part:?}:\n{of}");
    }
    assert!(logs.lines().count() > 1 && !yaml.contains("managedFields"), "{logs}");
    let journal = |name: &str| fs::read_to_string(home.join(name).join("journal.jsonl")).unwrap();
    for part in ["level=info", "terminationMessagePolicy", "nobody", "PodReadyToStartContainers"] {
        assert!(!journal("looked").contains(part), "{part} was looked at, and is in the journal");
    }
    assert!(yaml.contains("terminationMessagePolicy") && details.contains("PodReadyToStartContainers") && logs.contains("level=info"));
    assert_eq!(journal("looked"), journal("plain"), "a look leaves no trace");
    assert_eq!(run.conclusion().map(|conclusion| conclusion.verdict), plain.run.conclusion().map(|conclusion| conclusion.verdict));
    assert_eq!(run.conclusion().map(|conclusion| conclusion.verdict), Some(Verdict::Held));
}
