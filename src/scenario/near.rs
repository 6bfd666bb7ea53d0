//! The word that was probably meant.

/// Words longer than this are never compared.
const LONGEST: usize = 40;

/// The one of `words` that is nearest to `word`, if any is near enough to be meant.
pub fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let word: Vec<char> = word.chars().take(LONGEST + 1).flat_map(char::to_lowercase).collect();
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    let words: Vec<&'w str> = words.into_iter().collect();
    let close = words
        .iter()
        .filter_map(|&candidate| {
            let letters: Vec<char> = candidate.chars().take(LONGEST + 1).flat_map(char::to_lowercase).collect();
            let far = distance(&word, &letters);
            (far <= allowed && far < letters.len()).then_some((far, candidate))
        })
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate);
    // Else one that begins alike: "env" for "environments", "minimum" for "min".
    close.or_else(|| {
        let word: String = word.iter().collect();
        let alike = |candidate: &&&str| {
            candidate.len() >= 3 && word.len() >= 3 && {
                let candidate = candidate.to_lowercase();
                candidate.starts_with(&word) || word.starts_with(&candidate)
            }
        };
        words.iter().find(alike).copied()
    })
}

/// `did you mean X?`, where something is near.
pub fn did_you_mean<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<String> {
    nearest(word, words).map(|near| format!("did you mean {}?", super::mistake::quoted(near)))
}

/// Edits (insert, delete, replace, swap of neighbours) between two words.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_should_find_what_was_meant() {
        let words = ["hypothesis", "criteria", "steps", "stopWhen"];
        assert_eq!(nearest("hypotesis", words), Some("hypothesis"));
        assert_eq!(nearest("stopwhen", words), Some("stopWhen"));
        assert_eq!(nearest("setps", words), Some("steps"));
        assert_eq!(nearest("banana", words), None);
        assert_eq!(nearest("stop", words), Some("stopWhen"));
        assert_eq!(nearest("", words), None);
    }
}
