//! The scenarios of the repository: each passes `check` without a word.

use std::collections::BTreeMap;
use std::path::Path;

use gameday::scenario::{Source, read};

#[test]
fn repository_scenarios_should_pass_check_without_warnings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue; // worlds have a test of their own
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = Source {
            file: &file,
            text: &text,
            manifests: &|named| std::fs::read_to_string(folder.join(named)).map_err(|why| why.to_string()),
        };
        let reading = read(&source, &BTreeMap::new());
        let told: Vec<String> = reading.mistakes.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
        assert!(reading.is_sound(true));
        let scenario = reading.scenario.unwrap();
        assert_eq!(Some(scenario.name.as_str()), path.file_stem().and_then(|stem| stem.to_str()));
        seen += 1;
    }
    assert!(seen >= 11, "only {seen} scenarios");
}
