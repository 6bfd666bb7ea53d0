//! The findings as Markdown, to be read in a merge request or a wiki.

use std::fmt::Write;

use crate::findings::{FaultFinding, Findings, JudgedFinding};
use crate::wording::stuck;

/// The report.
#[must_use]
pub fn write(findings: &Findings) -> String {
    let mut out = String::new();
    // writing to a String can't fail
    let _ = page(&mut out, findings);
    out
}

fn page(out: &mut String, f: &Findings) -> std::fmt::Result {
    writeln!(out, "# {}\n", text(&f.title))?;
    writeln!(out, "**{}** — {}\n", text(&f.hypothesis), f.verdict_text)?;
    if let Some(why) = &f.why {
        writeln!(out, "{}\n", text(why))?;
    }
    writeln!(out, "| | |\n|---|---|")?;
    let mut row = |key: &str, value: &str| writeln!(out, "| {key} | {} |", cell(value));
    row("Where", &f.place)?;
    row("When", &f.recorded.format("%Y-%m-%d %H:%M:%S UTC").to_string())?;
    row("How long", &format!("{:.1} s", f.took_ms / 1000.0))?;
    row("Exit code", &f.exit_code.to_string())?;
    row("Owner", f.owner.as_deref().unwrap_or("–"))?;
    row("Runbook", f.runbook.as_deref().unwrap_or("–"))?;
    row("Run", &f.run)?;
    row("Drill", &short(&f.drill_digest))?;
    if !f.left.is_empty() {
        writeln!(out, "\n## Left in the cluster\n")?;
        for left in &f.left {
            writeln!(out, "- {}", text(left))?;
        }
        writeln!(out, "\n{}.", stuck::finishes(f.rehearsal))?;
    }
    held_back(out, f)?;
    residue(out, f)?;
    preflight(out, f)?;
    judged(out, "Criteria", &f.criteria)?;
    judged(out, "Steady state before", &f.gate)?;
    judged(out, "Steady again after", &f.proof)?;
    judged(out, "Stop conditions", &f.stops)?;
    writeln!(out, "\n## Faults")?;
    for found in &f.faults {
        fault(out, found)?;
    }
    writeln!(out, "\n## How it was measured\n")?;
    for line in &f.measured {
        writeln!(out, "- {}", text(line))?;
    }
    for blind in &f.blind {
        let to = blind.to.map_or_else(|| "the end".to_owned(), |to| format!("{to:.1} s"));
        writeln!(out, "- blind to {} from {:.1} s to {to}: {}", text(&blind.source), blind.from, text(&blind.why))?;
    }
    writeln!(out, "\n## Timeline\n\n| T | |\n|---|---|")?;
    for line in &f.timeline {
        writeln!(out, "| {} | {} |", line.t, cell(&line.text))?;
    }
    writeln!(out, "\nWritten by gameday {} from the journal of run {}; `gameday report` writes it again.", text(&f.gameday), text(&f.run))
}

/// What holds objects back in their deletion, and the ways out.
fn held_back(out: &mut String, f: &Findings) -> std::fmt::Result {
    for (found, held) in f.faults.iter().filter_map(|found| Some((found, found.stuck.as_ref()?))) {
        writeln!(out, "\n### Stuck: {}\n\n{}\n", text(&found.step), text(held))?;
        for way in &found.ways_out {
            writeln!(out, "- {}", text(way))?;
        }
    }
    Ok(())
}

/// How the cluster was found and left.
fn residue(out: &mut String, f: &Findings) -> std::fmt::Result {
    let Some(residue) = &f.residue else { return Ok(()) };
    writeln!(out, "\n## How the cluster was left\n\n{}\n", text(&residue.told))?;
    let lists = [("new", &residue.new), ("there before", &residue.before), ("not seen", &residue.unseen)];
    for (word, list) in lists {
        for line in list {
            writeln!(out, "- {word}: {}", text(line))?;
        }
    }
    Ok(())
}

/// What the preflight did not simply pass, and the brake; the JSON report has every check.
fn preflight(out: &mut String, f: &Findings) -> std::fmt::Result {
    // how fast it could be stopped is worth reading when it was good, too
    let mut open = f.preflight.iter().filter(|check| check.verdict != "pass" || check.check == "brake").peekable();
    if open.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "\n## Before the start\n\n| | check | seen | mended by |\n|---|---|---|---|")?;
    for check in open {
        writeln!(
            out,
            "| **{}** | {} | {} | {} |",
            check.verdict,
            check.check,
            cell(&check.seen),
            cell(check.mend.as_deref().unwrap_or("–"))
        )?;
    }
    Ok(())
}

fn judged(out: &mut String, title: &str, rows: &[JudgedFinding]) -> std::fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {title}\n\n| verdict | name | bound | evidence |\n|---|---|---|---|")?;
    for row in rows {
        writeln!(out, "| **{}** | {} | {} | {} |", row.verdict, cell(&row.name), cell(&row.bound), cell(&row.evidence))?;
    }
    Ok(())
}

fn fault(out: &mut String, f: &FaultFinding) -> std::fmt::Result {
    writeln!(out, "\n### {}\n", text(&f.step))?;
    writeln!(out, "- {}, {}", text(&f.what), f.state)?;
    for share in &f.shares {
        writeln!(out, "- at the most {}", text(share))?;
    }
    if !f.victims.is_empty() {
        writeln!(out, "- hit: {}", text(&f.victims.join(", ")))?;
    }
    writeln!(out, "- recovery: **{}**", text(&f.recovery))?;
    if !f.rounds.is_empty() {
        writeln!(out, "\n| time | hit | at | lifted | back after |\n|---:|---|---:|---:|---|")?;
        for (number, round) in f.rounds.iter().enumerate() {
            let lifted = round.lifted.map_or_else(|| "–".to_owned(), |at| format!("{at:.1} s"));
            let (hit, back) = (cell(&round.victims.join(", ")), cell(&round.recovery));
            writeln!(out, "| {} | {hit} | {:.1} s | {lifted} | {back} |", number + 1, round.impact)?;
        }
    }
    for fall in &f.waterfalls {
        let replaced = fall.replacement.as_deref().unwrap_or("nobody yet");
        writeln!(out, "\n| {} → {} | ms after the hit |\n|---|---:|", cell(&fall.victim), cell(replaced))?;
        for (stage, at) in &fall.stages {
            writeln!(out, "| {stage} | {} |", at.map_or_else(|| "not seen".to_owned(), |at| format!("{at:.0}")))?;
        }
    }
    Ok(())
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// Text with everything that Markdown or HTML would obey made literal.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '|' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Text for a table cell: on one line.
fn cell(raw: &str) -> String {
    text(&raw.replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_should_make_markup_literal() {
        assert_eq!(text("<b>[x](y)|`z`"), "&lt;b&gt;\\[x\\](y)\\|\\`z\\`");
    }
}
