//! `label_replace` and `label_join`: the same values under other labels.
//!
//! Called by `function` with evaluated arguments.

use regex::Regex;

use super::error::PromqlError;
use super::frame::Frame;

/// `label_replace(v, destination, replacement, source, pattern)`: where the whole source label
/// matches, the destination becomes the replacement with its `$1` filled in; an empty one is
/// removed.
pub(super) fn replace(input: &Frame, [destination, replacement, source, pattern]: [&str; 4]) -> Result<Frame, PromqlError> {
    let regex = Regex::new(&format!("^(?s:{pattern})$")).map_err(|_| {
        let text = format!("invalid regular expression in label_replace(): {pattern}");
        PromqlError::BadArgument(text)
    })?;
    check_name(destination, "label_replace")?;
    let mut frame = Frame::new(input.width());
    for (labels, cells) in input.rows() {
        let renamed = match regex.captures(labels.get(source)) {
            None => labels.clone(),
            Some(captures) => {
                let mut value = String::new();
                captures.expand(replacement, &mut value);
                labels.with(destination, &value)
            }
        };
        frame.push(renamed, cells.iter().copied());
    }
    frame.distinct()
}

/// `label_join(v, destination, separator, source…)`: the destination becomes the source labels
/// in a row.
pub(super) fn join(input: &Frame, destination: &str, separator: &str, sources: &[String]) -> Result<Frame, PromqlError> {
    check_name(destination, "label_join")?;
    for source in sources {
        check_name(source, "label_join")?;
    }
    let mut frame = Frame::new(input.width());
    for (labels, cells) in input.rows() {
        let values: Vec<&str> = sources.iter().map(|source| labels.get(source)).collect();
        let value = values.join(separator);
        frame.push(labels.with(destination, &value), cells.iter().copied());
    }
    frame.distinct()
}

/// Any text is a label's name in Prometheus 3, save none.
fn check_name(name: &str, function: &str) -> Result<(), PromqlError> {
    if name.is_empty() {
        return Err(PromqlError::BadArgument(format!("invalid label name \"\" in {function}()")));
    }
    Ok(())
}
