//! What a server says back may hold what it was told: credentials in it go no further.

/// What stands in their place.
const HIDDEN: &str = "(hidden)";
/// What tokens of clusters begin with: those of service accounts and OIDC, and those of EKS.
const TOKENS: [&str; 2] = ["eyJ", "k8s-aws-v1."];
/// Words that credentials follow.
const SCHEMES: [&str; 2] = ["bearer", "basic"];
/// Shorter than this nothing is a credential.
const SHORTEST: usize = 8;

/// A text without the secrets that are known, and without what looks like a token.
#[must_use]
pub fn hide(text: &str, known: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in known.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret.as_str(), HIDDEN);
    }
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut before) = (text.as_str(), String::new());
    while !rest.is_empty() {
        let word = rest.find(|c: char| !is_of_token(c)).unwrap_or(rest.len());
        if word == 0 {
            let c = rest.chars().next().map_or(1, char::len_utf8);
            out.push_str(&rest[..c]);
            rest = &rest[c..];
            continue;
        }
        let (said, after) = rest.split_at(word);
        // a word of a sentence is none
        let drawn = said.contains(|c: char| !c.is_ascii_lowercase());
        let looks_like = TOKENS.iter().any(|start| said.starts_with(start)) || (drawn && SCHEMES.contains(&before.as_str()));
        out.push_str(if looks_like && said.len() >= SHORTEST { HIDDEN } else { said });
        before = said.to_ascii_lowercase();
        rest = after;
    }
    out
}

/// What tokens are made of, as base64 and JWT are.
const fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~' | '+' | '/' | '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_should_be_hidden_wherever_they_stand() {
        let known = ["s3cr3t".to_owned()];
        assert_eq!(hide("no s3cr3t here", &known), "no (hidden) here");
        assert_eq!(hide("Authorization: Bearer abcdefgh.1 is old", &[]), "Authorization: Bearer (hidden) is old");
        assert_eq!(hide("\"Basic dXNlcjpwYXNz\"", &[]), "\"Basic (hidden)\"");
        assert_eq!(hide("token eyJhbGciOi.eyJzdWIi.c2ln expired", &[]), "token (hidden) expired");
        for plain in
            ["basic auth is off", "Bearer authentication required", "pods \"a\" is forbidden: User \"x\" cannot list", "ünï → 1/2 é", ""]
        {
            assert_eq!(hide(plain, &known), plain);
        }
    }
}
