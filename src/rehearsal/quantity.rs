//! Kubernetes quantities: `500m`, `2`, `64Mi`, counted in thousandths.

use serde_json::Value;

/// Binary and decimal units with what they are worth, in thousandths, from the largest.
const BINARY: [(&str, i128); 6] =
    [("Ei", 1000 << 60), ("Pi", 1000 << 50), ("Ti", 1000 << 40), ("Gi", 1000 << 30), ("Mi", 1000 << 20), ("Ki", 1000 << 10)];
const DECIMAL: [(&str, i128); 7] = [
    ("E", 1000 * 10_i128.pow(18)),
    ("P", 1000 * 10_i128.pow(15)),
    ("T", 1000 * 10_i128.pow(12)),
    ("G", 1000 * 10_i128.pow(9)),
    ("M", 1000 * 10_i128.pow(6)),
    ("k", 1000 * 10_i128.pow(3)),
    ("", 1000),
];

/// No amount is larger to Kubernetes, in thousandths.
const MOST: i128 = (i64::MAX as i128) * 1000;

/// The digits and the point of a quantity, and its unit or exponent.
fn taken_apart(text: &str) -> (bool, &str, &str) {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (number, suffix) = unsigned.split_at(unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len()));
    (text.starts_with('-'), number, suffix)
}

/// What a unit or an exponent is worth, as thousandths over a divisor.
fn worth(suffix: &str) -> Option<(i128, i128)> {
    match suffix {
        "n" => return Some((1, 1_000_000)),
        "u" => return Some((1, 1000)),
        "m" => return Some((1, 1)),
        _ => {}
    }
    if let Some((_, size)) = BINARY.iter().chain(&DECIMAL).find(|(name, _)| *name == suffix) {
        return Some((*size, 1));
    }
    let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    // no amount is larger or smaller than this to Kubernetes
    let tens = 10_i128.pow(power.unsigned_abs().min(18));
    Some(if power < 0 { (1000, tens) } else { (1000 * tens, 1) })
}

/// Thousandths of what this text says; none when it is no quantity. Smaller parts are rounded up.
#[must_use]
pub fn parse(text: &str) -> Option<i128> {
    let (below, number, suffix) = taken_apart(text);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (size, divisor) = worth(suffix)?;
    let fraction = &fraction[..fraction.len().min(12)];
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let digits = format!("{whole}{fraction}");
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // what has more digits than a number has is the most there is
    let (parts, each) = (digits.parse::<i128>().unwrap_or(i128::MAX).saturating_mul(size), scale * divisor);
    let total = (parts / each + i128::from(parts % each > 0)).min(MOST);
    Some(if below { -total } else { total })
}

/// What this text says, as the number that a metric has; none when it is no quantity.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a metric's value is a float")]
pub fn number(text: &str) -> Option<f64> {
    parse(text).map(|thousandths| thousandths as f64 / 1000.0)
}

/// Whether this text is a quantity at all.
///
/// # Errors
/// Why it is none, in the server's words.
pub fn check(text: &str) -> Result<(), &'static str> {
    const WRONG: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    let (_, number, suffix) = taken_apart(text);
    if !number.contains(|c: char| c.is_ascii_digit()) || number.matches('.').count() > 1 {
        return Err(WRONG);
    }
    if worth(suffix).is_some() {
        return Ok(());
    }
    let units = suffix.trim_start_matches(|c: char| "eEinumkKMGTP".contains(c));
    let units = units.strip_prefix(['+', '-']).unwrap_or(units);
    if units.chars().all(|c| c.is_ascii_digit()) { Err("unable to parse quantity's suffix") } else { Err(WRONG) }
}

/// Thousandths of what stands there: a quantity, or a number.
#[must_use]
pub fn of(value: &Value) -> i128 {
    match value {
        Value::String(text) => parse(text).unwrap_or(0),
        Value::Number(number) => parse(&number.to_string()).unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => 0,
    }
}

/// The text of this many thousandths, in binary units or in decimal ones.
#[must_use]
pub fn text(thousandths: i128, binary: bool) -> String {
    if thousandths % 1000 != 0 {
        return format!("{thousandths}m");
    }
    let fits = |(_, size): &&(&str, i128)| thousandths != 0 && thousandths % size == 0;
    let units: &[(&str, i128)] = if binary { &BINARY } else { &DECIMAL };
    match units.iter().find(fits) {
        Some((name, size)) => format!("{}{name}", thousandths / size),
        None => (thousandths / 1000).to_string(),
    }
}

/// The text of a CPU of this many millicores.
#[must_use]
pub fn millis(millicores: u32) -> String {
    text(i128::from(millicores), false)
}

/// The text of this much memory.
#[must_use]
pub fn mebibytes(mib: u32) -> String {
    text(i128::from(mib) * (1000 << 20), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_should_be_read_and_written_as_kubernetes_does() {
        for (from, thousandths, to) in [
            ("100m", 100, "100m"),
            ("2", 2000, "2"),
            ("0.5", 500, "500m"),
            ("1k", 1_000_000, "1k"),
            ("1500000n", 2, "2m"),
            ("1000", 1_000_000, "1k"),
        ] {
            assert_eq!(parse(from), Some(thousandths), "{from}");
            assert_eq!(text(thousandths, false), to, "{from}");
        }
        assert_eq!(mebibytes(16 * 1024), "16Gi");
        assert_eq!(mebibytes(64), "64Mi");
        assert_eq!(parse("1Gi"), Some((1 << 30) * 1000));
        assert_eq!(parse("1.5Gi"), Some(1_610_612_736_000));
        assert_eq!(parse("1e3"), parse("1k"));
        assert_eq!(parse("25e-2"), parse("250m"));
        assert_eq!(parse("-2"), Some(-2000));
        for none in ["", "ten", "much", ".", "1.2.3", "1X"] {
            assert_eq!(parse(none), None, "{none}");
        }
        for (text, value) in [("250m", 0.25), ("64Mi", 67_108_864.0), ("1E", 1e18)] {
            assert!(number(text).is_some_and(|found| (found - value).abs() < 1e-9), "{text}");
        }
    }

    #[test]
    fn what_is_a_quantity_should_have_a_value() {
        for text in ["1", "+1", "-1", "0.5", ".5", "5.", "1n", "1u", "1m", "1k", "1Ki", "1E", "1Ei", "1e3", "1E3", "1e-3"] {
            assert!(check(text).is_ok() && parse(text).is_some(), "{text}");
        }
        assert_eq!(parse("170141183460469231731687303715884105727n"), parse("999999999999999999999999999999999999999999999"));
        assert!(parse("9E").is_some_and(|most| most < parse("99E").unwrap_or(0)));
        for text in ["1x", "lots", "1 Gi", "", "1ee3"] {
            assert!(check(text).is_err() && parse(text).is_none(), "{text}");
        }
    }
}
