//! Kubernetes quantities: `500m`, `2`, `64Mi`, counted in thousandths.

use serde_json::Value;

/// Binary and decimal units with what they are worth, in thousandths, from the largest.
const BINARY: [(&str, i128); 5] = [("Pi", 1000 << 50), ("Ti", 1000 << 40), ("Gi", 1000 << 30), ("Mi", 1000 << 20), ("Ki", 1000 << 10)];
const DECIMAL: [(&str, i128); 6] = [
    ("P", 1_000_000_000_000_000_000),
    ("T", 1_000_000_000_000_000),
    ("G", 1_000_000_000_000),
    ("M", 1_000_000_000),
    ("k", 1_000_000),
    ("", 1000),
];

/// Thousandths of what this text says; none when it is no quantity. Smaller parts are rounded up.
#[must_use]
pub fn parse(text: &str) -> Option<i128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let size = match unit {
        "n" => return whole.parse::<i128>().ok().map(|n| (n + 999_999) / 1_000_000),
        "u" => return whole.parse::<i128>().ok().map(|n| (n + 999) / 1000),
        "m" => 1,
        _ => BINARY.iter().chain(&DECIMAL).find(|(name, _)| *name == unit)?.1,
    };
    let digits = if whole.is_empty() { "0" } else { whole };
    let mut total = digits.parse::<i128>().ok()?.checked_mul(size)?;
    if !fraction.is_empty() {
        let fraction = &fraction[..fraction.len().min(12)];
        let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        total += (fraction.parse::<i128>().ok()?.checked_mul(size)? + scale - 1) / scale;
    }
    Some(total)
}

/// Whether this text is a quantity at all.
///
/// # Errors
/// Why it is none, in the server's words.
pub fn check(text: &str) -> Result<(), &'static str> {
    const WRONG: &str = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (number, suffix) = unsigned.split_at(unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len()));
    if !number.contains(|c: char| c.is_ascii_digit()) || number.matches('.').count() > 1 {
        return Err(WRONG);
    }
    let exponent = suffix.strip_prefix(['e', 'E']).map(|power| power.strip_prefix(['+', '-']).unwrap_or(power));
    if matches!(suffix, "n" | "u" | "m" | "E" | "Ei")
        || BINARY.iter().chain(&DECIMAL).any(|(name, _)| *name == suffix)
        || exponent.is_some_and(|power| !power.is_empty() && power.chars().all(|c| c.is_ascii_digit()))
    {
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
        assert_eq!(parse("ten"), None);
    }
}
