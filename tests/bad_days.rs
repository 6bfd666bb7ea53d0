//! Bad input and bad days that need no cluster: each gets a clear error and its exit code.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{gameday, json, said, scratch};

fn pod_kill() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/task-api-pod-kill.yaml")
}

#[test]
fn unreadable_scenarios_should_be_refused_with_2_and_a_place() {
    let home = scratch("bad-files");
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (one, all) in ('a'..='i').zip('b'..) {
        bomb.push_str(&format!("{all}: &{all} [*{one},*{one},*{one},*{one},*{one},*{one},*{one},*{one},*{one}]\n"));
    }
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("garbage", (0..=255_u8).cycle().take(5000).collect(), "not UTF-8"),
        ("huge", vec![b'x'; 10 << 20], "too large"),
        ("empty", Vec::new(), "empty.yaml"),
        ("bomb", bomb.into_bytes(), "bomb.yaml:"),
        (
            "steps",
            ("apiVersion: gameday/v1\nkind: GameDay\nspec:\n  steps:\n".to_owned() + &"    - {name: x, observe: 1s}\n".repeat(10_000))
                .into_bytes(),
            "steps.yaml:",
        ),
        ("escape", b"apiVersion: gameday/v1\n\"\\u001b[31mkey\": 1\n".to_vec(), "escape.yaml:"),
    ];
    for (name, bytes, told) in cases {
        let file = home.join(format!("{name}.yaml"));
        fs::write(&file, bytes).unwrap();
        for verb in [vec!["check"], vec!["run", "--headless"], vec!["rehearse", "--headless"]] {
            let out = gameday(&home).args(&verb).arg(&file).output().unwrap();
            assert_eq!(out.status.code(), Some(2), "{name} {verb:?}: {}", said(&out));
            assert!(said(&out).contains(told), "{name} {verb:?}: {}", said(&out));
            assert!(!said(&out).contains('\u{1b}'), "{name}: an escape sequence got through");
        }
    }
    let out = gameday(&home).args(["check", "nowhere.yaml"]).output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{}", said(&out));
}

#[test]
fn unusable_kubeconfigs_should_be_refused_with_3_and_the_next_move() {
    let home = scratch("bad-kubeconfigs");
    let file = home.join("scenario.yaml");
    // no context of its own: the current one is taken
    fs::write(
        &file,
        fs::read_to_string(pod_kill()).unwrap().replace("      context: staging # the kubeconfig context this has to be\n", ""),
    )
    .unwrap();
    let config = |server: &str, current: &str| {
        format!(
            "apiVersion: v1\nkind: Config\n{current}\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {{token: expired}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
        )
    };
    let refused = answering(
        "401 Unauthorized",
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#,
    );
    let page = answering("200 OK", "<html>please log in</html>");
    let cases = [
        ("missing", None, "KUBECONFIG"),
        ("no-context", Some(config("http://127.0.0.1:1", "")), "--context"),
        ("nobody", Some(config("http://127.0.0.1:1", "current-context: c")), "127.0.0.1"),
        ("elsewhere", Some(config("http://127.0.0.1:1", "current-context: gone")), "gone"),
        ("garbage", Some("{{{".to_owned()), "mend it"),
        ("leaky", Some(config("http://127.0.0.1:1", "current-context: [c]").replace("expired", "s3cr3t")), "line 3 column 18"),
        ("expired", Some(config(&refused, "current-context: c")), "log in again"),
        ("page", Some(config(&page, "current-context: c")), "gameday:"),
    ];
    for (name, text, told) in cases {
        let kubeconfig = home.join(format!("{name}.kubeconfig"));
        if let Some(text) = text {
            fs::write(&kubeconfig, text).unwrap();
        }
        let out = gameday(&home).env("KUBECONFIG", &kubeconfig).args(["run", "--headless"]).arg(&file).output().unwrap();
        assert_eq!(out.status.code(), Some(3), "{name}: {}", said(&out));
        assert!(said(&out).contains(told), "{name}: {}", said(&out));
        // a parser's message quotes the lines around the mistake
        assert!(!said(&out).contains("s3cr3t"), "{name}: {}", said(&out));
    }
}

/// A server on loopback that gives every request the same answer.
fn answering(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok).take(64) {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                    line.clear();
                }
                let _ = write!(
                    &stream,
                    "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    format!("http://{address}")
}

#[test]
fn closed_output_should_stop_and_undo() {
    let home = scratch("closed");
    let mut command = gameday(&home);
    command.args(["rehearse", "--headless", "--speed", "20"]).arg(pod_kill()).arg("--run-dir").arg(home.join("run"));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 20];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    // the pipe is closed here, in the middle of the run
    assert_eq!(child.wait().unwrap().code(), Some(5));
    let report = json(&home.join("run/report.json"));
    assert_eq!((&report["verdict"], report["left"].as_array().map(Vec::len)), (&"aborted".into(), Some(0)));
}

#[test]
fn full_disk_should_stop_before_anything_is_broken() {
    let home = scratch("full-disk");
    // the header fits, the entries soon do not; the file size limit stands for the full disk
    let script = format!(
        "trap '' XFSZ; ulimit -f 6; exec {} rehearse --headless --speed max {} --run-dir {}",
        env!("CARGO_BIN_EXE_gameday"),
        pod_kill().display(),
        home.join("run").display()
    );
    let out = Command::new("bash").arg("-c").arg(script).output().unwrap();
    assert_eq!(out.status.code(), Some(3), "{}", said(&out));
    assert!(said(&out).contains("cannot write the journal") && said(&out).contains("free some space"), "{}", said(&out));
    assert!(!said(&out).contains("fault asked"), "{}", said(&out));
}

#[test]
fn run_folder_that_holds_a_run_should_be_refused() {
    let home = scratch("taken");
    for code in [0, 3] {
        let out = gameday(&home)
            .args(["rehearse", "--headless", "--speed", "max"])
            .arg(pod_kill())
            .arg("--run-dir")
            .arg(home.join("run"))
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(code), "{}", said(&out));
    }
}

#[test]
fn journal_cut_anywhere_should_still_give_a_report() {
    let home = scratch("cut-journal");
    let out = gameday(&home)
        .args(["rehearse", "--headless", "--speed", "max"])
        .arg(pod_kill())
        .arg("--run-dir")
        .arg(home.join("run"))
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    let whole = fs::read(home.join("run/journal.jsonl")).unwrap();
    let header = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
    let cut = home.join("cut");
    fs::create_dir(&cut).unwrap();
    for at in [header, header + 17, whole.len() / 2, whole.len() - 1] {
        fs::write(cut.join("journal.jsonl"), &whole[..at]).unwrap();
        let out = gameday(&home).arg("report").arg(&cut).output().unwrap();
        assert_eq!(out.status.code(), Some(0), "cut at {at}: {}", said(&out));
        assert!(said(&out).contains("the run did not end"), "cut at {at}: {}", said(&out));
    }
    fs::write(cut.join("journal.jsonl"), &whole[..header / 2]).unwrap();
    assert_eq!(gameday(&home).arg("report").arg(&cut).output().unwrap().status.code(), Some(2));
}

#[test]
fn recover_without_cluster_should_say_so_and_be_done_where_nothing_is_owed() {
    let home = scratch("recover-nothing");
    let out = gameday(&home).env("KUBECONFIG", home.join("none")).arg("recover").output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).contains("nothing in the journals"), "{}", said(&out));
}
