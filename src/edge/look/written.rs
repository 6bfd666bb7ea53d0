//! An object as YAML, for eyes.

use serde_json::Value;

/// What a plain word may not be: it would be read as something else.
const WORDS: [&str; 11] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", "-"];

/// The lines of a value.
pub(super) fn yaml(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields.iter().flat_map(|(key, value)| field(key, value)).collect(),
        Value::Array(items) => items.iter().flat_map(item).collect(),
        scalar => vec![self::scalar(scalar)],
    }
}

fn field(key: &str, value: &Value) -> Vec<String> {
    let key = word(key);
    let under = |indent: &str, lines: Vec<String>| {
        std::iter::once(format!("{key}:")).chain(lines.into_iter().map(|line| format!("{indent}{line}"))).collect()
    };
    match value {
        Value::Object(fields) if !fields.is_empty() => under("  ", yaml(value)),
        Value::Array(items) if !items.is_empty() => under("", yaml(value)),
        Value::String(text) if is_block(text) => {
            let mark = if text.ends_with('\n') { "|" } else { "|-" };
            let lines = text.trim_end_matches('\n').split('\n').map(|line| format!("  {line}"));
            std::iter::once(format!("{key}: {mark}")).chain(lines).collect()
        }
        scalar => vec![format!("{key}: {}", self::scalar(scalar))],
    }
}

fn item(value: &Value) -> Vec<String> {
    let lines = yaml(value);
    if lines.is_empty() {
        return vec![format!("- {}", scalar(value))];
    }
    lines.into_iter().enumerate().map(|(index, line)| format!("{}{line}", if index == 0 { "- " } else { "  " })).collect()
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// Lines that can stand as they are.
fn is_block(text: &str) -> bool {
    let body = text.trim_end_matches('\n');
    body.contains('\n')
        && text.len() - body.len() <= 1
        && !body.starts_with([' ', '\n'])
        && !body.chars().any(|c| c != '\n' && c.is_control())
}

fn word(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " ./_-:+=()%;".contains(c))
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !WORDS.contains(&text.to_lowercase().as_str());
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn yaml_should_be_read_back_as_it_was() {
        let value = json!({
            "apiVersion": "v1", "metadata": {"name": "a", "labels": {"app.kubernetes.io/name": "b", "n": "1", "yes": "no"}, "none": {}},
            "list": [{"a": 1, "b": [1, "x: y", "- z", "#", true, null]}, [["deep"], []], "end"],
            "script": "set -e\n  echo \"hi\"\n", "cut": "a\nb", "odd": " a\nb\u{1b}", "time": "2026-11-23T21:00:00Z", "colon": "a:", "empty": "",
        });
        let text = yaml(&value).join("\n");
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(back, value, "{text}");
    }
}
