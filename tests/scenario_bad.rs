//! Files that are wrong, and everything that `check` says about each of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gameday::scenario::{Source, read, text_of};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// The whole listing of one file, and whether it can be run and checked.
fn listing(file: &str, text: &str, sets: &BTreeMap<String, String>) -> String {
    let manifests = |path: &str| std::fs::read_to_string(fixtures().join("bad").join(path)).map_err(|_| "no such file".to_owned());
    let reading = read(&Source { file, text, manifests: &manifests }, sets);
    let mut out = String::new();
    for mistake in &reading.mistakes {
        out.push_str(&mistake.to_string());
        out.push('\n');
    }
    let (sound, can_run) = (reading.is_sound(false), reading.scenario.is_some());
    out + &format!("-- check passes: {sound}, can be run: {can_run}\n")
}

#[test]
fn bad_files_should_be_told_every_mistake() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("scenarios/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixtures().join("bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    assert!(!files.is_empty());
    settings.bind(|| {
        for path in files {
            let bytes = std::fs::read(&path).unwrap();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = match text_of(&format!("{stem}.yaml"), &bytes) {
                Ok(text) => text.to_owned(),
                Err(mistake) => {
                    insta::assert_snapshot!(stem, mistake);
                    continue;
                }
            };
            let sets = if stem == "parameters" { BTreeMap::from([("LATENZY".to_owned(), "1s".to_owned())]) } else { BTreeMap::new() };
            insta::assert_snapshot!(stem.clone(), listing(&format!("{stem}.yaml"), &text, &sets));
        }
    });
}
