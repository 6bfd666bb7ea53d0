//! `PromQL` before it is sent: does it parse, is its answer one that can be judged, does silence
//! mean something.
//!
//! The server is the judge, so every error of here is [`Judge::Prometheus`]'s.

use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::token::{T_DIV, T_LOR};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, Expr};

use super::mistake::{Judge, Mistakes};
use super::tree::Node;
use crate::text::Untrusted;

/// The longest query, in bytes.
const LONGEST: usize = 4096;
/// The deepest nesting of brackets in a query.
const DEEPEST: usize = 50;

/// Checks the query that stands in `node`. `when_empty` says whether the author has said what no
/// series means.
pub fn check(node: &Node, query: &str, when_empty: bool, mistakes: &mut Mistakes) {
    let trouble = if query.len() > LONGEST { Some(format!("the query is longer than {LONGEST} bytes")) } else { unbalanced(query) };
    let parsed = match trouble {
        Some(trouble) => Err(trouble),
        None => parser::parse(&raw_strings(query)).map_err(|reason| Untrusted::from(reason).short(200)),
    };
    match parsed {
        Err(reason) => {
            mistakes.error(node.span, query, format!("this PromQL does not parse: {reason}")).judge = Judge::Prometheus;
        }
        Ok(expr) => {
            let kind = match expr.value_type() {
                ValueType::Scalar | ValueType::Vector => None,
                ValueType::Matrix => Some("a range of samples, not a value"),
                ValueType::String => Some("text, not a value"),
            };
            if let Some(kind) = kind {
                let mistake = mistakes.error(node.span, query, format!("this query answers with {kind}"));
                mistake.allow("a scalar or an instant vector").hint("put rate(…) or another function around the range");
                mistake.judge = Judge::Prometheus;
            } else if !when_empty && is_bare_error_ratio(&expr) {
                mistakes
                    .warn(node.span, query, "without errors the numerator has no series, so this ratio has no value just when all is well")
                    .hint("say what no series means, whenEmpty: 0, or put `or vector(0)` behind the numerator");
            }
        }
    }
}

/// Checks that `query` is the selector of a counter: gameday itself puts `increase(…[…])` and `sum(…)`
/// around it. Says whether it is.
pub fn check_counter(node: &Node, what: &str, query: &str, mistakes: &mut Mistakes) -> bool {
    let trouble = match unbalanced(query) {
        _ if query.len() > LONGEST => Err(format!("it is longer than {LONGEST} bytes")),
        _ if query.contains('#') => Err("it holds a comment".to_owned()),
        Some(trouble) => Err(trouble),
        None => parser::parse(&raw_strings(query)).map_err(|reason| Untrusted::from(reason).short(200)),
    };
    let message = match trouble {
        Ok(Expr::VectorSelector(selector)) if selector.offset.is_none() && selector.at.is_none() => return true,
        Ok(Expr::VectorSelector(_)) => format!("{what} looks at now: it takes no offset and no @"),
        Ok(_) => format!("{what} is the counter itself; gameday takes its increase since the run began, and the sum"),
        Err(reason) => format!("{what} is no selector of a counter: {reason}"),
    };
    let mistake = mistakes.error(node.span, query, message);
    mistake.allow("a selector without functions: http_requests_total{app=\"task-api\"}");
    false
}

/// The selectors of a query that look at now, as text: each once, in order. A query that does not parse has none.
#[must_use]
pub fn selectors(query: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(expr) = parser::parse(&raw_strings(query)) {
        select(&expr, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn select(expr: &Expr, found: &mut Vec<String>) {
    let mut take = |selector: &parser::VectorSelector| {
        if selector.offset.is_none() && selector.at.is_none() {
            found.push(selector.to_string());
        }
    };
    match expr {
        Expr::VectorSelector(selector) => take(selector),
        Expr::MatrixSelector(selector) => take(&selector.vs),
        Expr::Binary(binary) => {
            select(&binary.lhs, found);
            select(&binary.rhs, found);
        }
        // what was an hour ago is not stale by it
        Expr::Subquery(subquery) if subquery.offset.is_some() || subquery.at.is_some() => {}
        _ => parts(expr).into_iter().for_each(|part| select(part, found)),
    }
}

/// The query with its backtick strings rewritten as double-quoted ones: promql-parser 0.11 undoes
/// escapes in them, Prometheus does not.
#[must_use]
pub fn raw_strings(query: &str) -> String {
    let mut out = String::new();
    let mut letters = query.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' | '\'' => {
                out.push(letter);
                while let Some(inner) = letters.next() {
                    out.push(inner);
                    if inner == '\\' {
                        out.extend(letters.next());
                    } else if inner == letter {
                        break;
                    }
                }
            }
            '`' => {
                let rest = letters.as_str();
                let Some((raw, after)) = rest.split_once('`') else {
                    out.push(letter);
                    out.push_str(rest);
                    break;
                };
                out.push('"');
                for inner in raw.chars() {
                    match inner {
                        '"' | '\\' => out.extend(['\\', inner]),
                        '\n' => out.push_str("\\n"),
                        _ => out.push(inner),
                    }
                }
                out.push('"');
                letters = after.chars();
            }
            '#' => {
                // A comment: nothing in it is a string.
                let rest = letters.as_str();
                let end = rest.find('\n').unwrap_or(rest.len());
                letters = rest[end..].chars();
            }
            _ => out.push(letter),
        }
    }
    out
}

/// Where brackets or quotes don't match, or nest too deep: promql-parser does not say where.
fn unbalanced(query: &str) -> Option<String> {
    let mut open: Vec<(char, usize)> = Vec::new();
    let mut letters = query.chars().enumerate();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' | '\'' | '`' => loop {
                match letters.next() {
                    None => return Some(format!("the quote at character {} is never closed", at + 1)),
                    Some((_, '\\')) if letter != '`' => drop(letters.next()),
                    Some((_, inner)) if inner == letter => break,
                    Some(_) => {}
                }
            },
            '#' => drop(letters.find(|(_, inner)| *inner == '\n')),
            '(' | '[' | '{' => {
                open.push((letter, at));
                if open.len() > DEEPEST {
                    return Some(format!("it nests more than {DEEPEST} brackets at character {}", at + 1));
                }
            }
            ')' | ']' | '}' => {
                let wanted = match letter {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match open.pop() {
                    Some((found, _)) if found == wanted => {}
                    Some((found, from)) => {
                        return Some(format!("`{letter}` at character {} closes the `{found}` of character {}", at + 1, from + 1));
                    }
                    None => return Some(format!("`{letter}` at character {} closes nothing", at + 1)),
                }
            }
            _ => {}
        }
    }
    open.pop().map(|(found, at)| format!("`{found}` at character {} is never closed", at + 1))
}

/// Whether it is, somewhere, a ratio whose numerator selects errors and falls silent with them.
fn is_bare_error_ratio(expr: &Expr) -> bool {
    match expr {
        // What stands before `or` is made good by what stands behind it.
        Expr::Binary(binary) if binary.op.id() == T_LOR => is_bare_error_ratio(&binary.rhs),
        Expr::Binary(binary) => {
            (binary.op.id() == T_DIV && selects_errors(&binary.lhs)) || is_bare_error_ratio(&binary.lhs) || is_bare_error_ratio(&binary.rhs)
        }
        _ => parts(expr).into_iter().any(is_bare_error_ratio),
    }
}

fn selects_errors(expr: &Expr) -> bool {
    match expr {
        Expr::Binary(binary) if binary.op.id() == T_LOR => selects_errors(&binary.rhs),
        Expr::Binary(binary) => selects_errors(&binary.lhs) || selects_errors(&binary.rhs),
        Expr::VectorSelector(selector) => matches_errors(&selector.matchers),
        Expr::MatrixSelector(selector) => matches_errors(&selector.vs.matchers),
        _ => parts(expr).into_iter().any(selects_errors),
    }
}

/// What an expression other than a binary one is made of.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(aggregate) => vec![&aggregate.expr],
        Expr::Unary(unary) => vec![&unary.expr],
        Expr::Paren(paren) => vec![&paren.expr],
        Expr::Subquery(subquery) => vec![&subquery.expr],
        Expr::Call(call) => call.args.args.iter().map(|arg| &**arg).collect(),
        Expr::Binary(_)
        | Expr::NumberLiteral(_)
        | Expr::StringLiteral(_)
        | Expr::VectorSelector(_)
        | Expr::MatrixSelector(_)
        | Expr::Extension(_) => Vec::new(),
    }
}

fn matches_errors(matchers: &Matchers) -> bool {
    let any = |matcher: &promql_parser::label::Matcher| {
        let label = matcher.name.to_ascii_lowercase();
        let about_status = label.contains("code") || label.contains("status");
        let value = matcher.value.trim_start_matches(['^', '(']).to_ascii_lowercase();
        match &matcher.op {
            MatchOp::Equal | MatchOp::Re(_) => {
                (about_status && value.starts_with(['4', '5'])) || value.starts_with("err") || value.starts_with("fail")
            }
            MatchOp::NotEqual | MatchOp::NotRe(_) => {
                (about_status && value.starts_with(['2', '1', '3'])) || value.starts_with("succ") || value == "ok"
            }
        }
    };
    matchers.matchers.iter().any(any) || matchers.or_matchers.iter().flatten().any(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(query: &str) -> bool {
        is_bare_error_ratio(&parser::parse(&raw_strings(query)).unwrap())
    }

    #[test]
    fn ratios_should_be_known_by_their_numerator() {
        let total = "sum(rate(http_requests_total[30s]))";
        for errors in
            ["{code=~\"5..\"}", "{code=\"500\"}", "{status=~\"5.*\"}", "{status_code=~`5\\d\\d`}", "{code!~\"2..\"}", "{outcome=\"error\"}"]
        {
            let numerator = format!("sum(rate(http_requests_total{errors}[30s]))");
            assert!(ratio(&format!("{numerator} / {total}")), "{errors}");
            assert!(ratio(&format!("100 * ({numerator}) / {total} > 3")), "{errors}");
            assert!(!ratio(&format!("({numerator} or vector(0)) / {total}")), "{errors}");
            assert!(!ratio(&format!("{numerator} / {total} or vector(0)")), "{errors}");
            assert!(!ratio(&numerator), "{errors}");
        }
        assert!(!ratio(&format!("sum(rate(http_requests_total{{code=~\"2..\"}}[30s])) / {total}")));
    }

    #[test]
    fn raw_strings_should_keep_their_backslashes() {
        assert_eq!(raw_strings(r#"a{b=~`\d"x`} # `c"#), r#"a{b=~"\\d\"x"} "#);
        assert_eq!(raw_strings(r#"a{b="`\"`"}"#), r#"a{b="`\"`"}"#);
    }

    #[test]
    fn unbalanced_queries_should_be_told_where() {
        assert_eq!(unbalanced("sum(rate(x[30s])").as_deref(), Some("`(` at character 4 is never closed"));
        assert_eq!(unbalanced("x{a=\"b}").as_deref(), Some("the quote at character 5 is never closed"));
        assert_eq!(unbalanced("x)").as_deref(), Some("`)` at character 2 closes nothing"));
        assert_eq!(unbalanced("sum(x]").as_deref(), Some("`]` at character 6 closes the `(` of character 4"));
        assert_eq!(unbalanced("sum(x{a=\")\"}) # ("), None);
    }
}
