//! The forms that names, keys and values have to have, and what the server says of one that has not.

/// A form of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Labels between dots: most names.
    Subdomain,
    /// One label: namespaces, containers, volumes.
    Label,
    /// A label that starts with a letter: Services.
    Label1035,
    /// What may stand between two slashes of a path: roles.
    Segment,
    /// The key of a label or an annotation.
    Qualified,
    /// The value of a label.
    LabelValue,
    /// A key of a `ConfigMap` or a Secret.
    ConfigKey,
    /// The name of a container's port.
    PortName,
}

const NAME_PART: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

fn too_long(longest: usize) -> String {
    format!("must be no more than {longest} bytes")
}

/// Whether a text is made of these alone, and starts and ends with an alphanumeric character.
fn is_word(text: &str, within: impl Fn(char) -> bool) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() && within(c));
    text.chars().all(&within) && edge(text.chars().next()) && edge(text.chars().next_back())
}

fn is_dns(text: &str) -> bool {
    is_word(text, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn is_name(text: &str) -> bool {
    is_word(text, |c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

impl Format {
    /// Everything that is wrong with this text, in the server's words.
    #[must_use]
    pub fn faults(self, text: &str) -> Vec<String> {
        let checked = |longest: usize, sound: bool, why: &str| {
            let long = (text.len() > longest).then(|| too_long(longest));
            long.into_iter().chain((!sound).then(|| why.to_owned())).collect()
        };
        match self {
            Self::Subdomain => checked(
                253,
                text.split('.').all(is_dns),
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ),
            Self::Label => checked(
                63,
                is_dns(text),
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            ),
            Self::Label1035 => checked(
                63,
                is_dns(text) && text.starts_with(|c: char| c.is_ascii_lowercase()),
                "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
            ),
            Self::Segment => match text {
                "." | ".." => vec![format!("may not be '{text}'")],
                _ => ["/", "%"].iter().filter(|c| text.contains(**c)).map(|c| format!("may not contain '{c}'")).collect(),
            },
            Self::Qualified => qualified(text),
            Self::LabelValue => checked(
                63,
                text.is_empty() || is_name(text),
                "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
            ),
            Self::ConfigKey => {
                let mut faults = checked(
                    253,
                    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)),
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
                );
                match text {
                    "." | ".." => faults.push(format!("must not be '{text}'")),
                    _ if text.starts_with("..") => faults.push("must not start with '..'".to_owned()),
                    _ => {}
                }
                faults
            }
            Self::PortName => {
                let mut faults = Vec::new();
                let mut expect = |sound: bool, why: String| faults.extend((!sound).then_some(why));
                expect(text.len() <= 15, too_long(15));
                let sound = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
                expect(sound, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".to_owned());
                expect(text.contains(|c: char| c.is_ascii_lowercase()), "must contain at least one letter (a-z)".to_owned());
                expect(!text.contains("--"), "must not contain consecutive hyphens".to_owned());
                expect(!text.starts_with('-') && !text.ends_with('-'), "must not begin or end with a hyphen".to_owned());
                faults
            }
        }
    }
}

fn qualified(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = match text.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        ["", name] => {
            faults.push("prefix part must be non-empty".to_owned());
            *name
        }
        [prefix, name] => {
            faults.extend(Format::Subdomain.faults(prefix).into_iter().map(|why| format!("prefix part {why}")));
            *name
        }
        _ => {
            return vec![format!(
                "a valid label key {NAME_PART} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push(format!("name part {}", too_long(63)));
    }
    if !is_name(name) {
        faults.push(format!("name part {NAME_PART}"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_should_know_sound_texts_from_others() {
        let sound = |format: Format, texts: &[&str]| texts.iter().all(|text| format.faults(text).is_empty());
        assert!(sound(Format::Subdomain, &["a", "a-b.c1", "0"]));
        assert!(sound(Format::Label1035, &["a1-b"]));
        assert!(sound(Format::Qualified, &["app", "app.kubernetes.io/name", "A_b.c", "kubectl.kubernetes.io/last-applied-configuration"]));
        assert!(sound(Format::LabelValue, &["", "v1.2_3", "A"]));
        assert!(sound(Format::ConfigKey, &["a.yaml", ".dockerconfigjson", "A_B"]));
        assert!(sound(Format::Segment, &["system:node", "a b"]));
        assert!(sound(Format::PortName, &["http", "8080-x"]));
        for (format, text) in [
            (Format::Subdomain, "a..b"),
            (Format::Subdomain, "A"),
            (Format::Subdomain, ""),
            (Format::Label, "a.b"),
            (Format::Label1035, "1s"),
            (Format::Qualified, "a b"),
            (Format::Qualified, "/a"),
            (Format::Qualified, "a/b/c"),
            (Format::LabelValue, "not fine!"),
            (Format::ConfigKey, "a/b"),
            (Format::ConfigKey, ".."),
            (Format::Segment, "a/b"),
            (Format::PortName, "8080"),
        ] {
            assert!(!format.faults(text).is_empty(), "{format:?} {text}");
        }
        assert_eq!(Format::Label.faults(&"a".repeat(64)), ["must be no more than 63 bytes"]);
    }
}
