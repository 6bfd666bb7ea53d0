//! From query text to a syntax tree that is safe to evaluate.
//!
//! Called by the room's two entry points. `promql-parser` reads the language; this file rewrites
//! the two things it misreads (raw strings, `1_000`), refuses up front what would make it panic
//! or run out of stack, and refuses afterwards what Prometheus or the rehearsal does not know.

use promql_parser::label::MatchOp;
use promql_parser::parser::token::{T_LIMIT_RATIO, T_LIMITK};
use promql_parser::parser::{self, Expr, Function, VectorSelector};
use regex::{Regex, RegexBuilder};

use super::error::PromqlError;

/// The longest query taken, in bytes.
const MAX_LENGTH: usize = 32_768;
/// The most operators and open brackets in one query. It bounds how deep the parser recurses.
const MAX_OPERATORS: usize = 200;
/// The deepest tree evaluated: each level takes some 10 kB of stack in a debug build.
const MAX_DEPTH: usize = 64;
/// The longest range, step or offset given as a bare number of seconds.
const MAX_SECONDS: f64 = 1e15;

/// Parses `text`.
pub(super) fn parse(text: &str) -> Result<Expr, PromqlError> {
    if text.len() > MAX_LENGTH {
        return Err(PromqlError::TooComplex { limit: MAX_LENGTH, what: "bytes" });
    }
    let text = Reading::new(text).finish()?;
    let mut expr = parser::parse(&text).map_err(PromqlError::BadQuery)?;
    check(&expr)?;
    match_lines(&mut expr)?;
    Ok(expr)
}

/// Lets the dot in patterns match line ends too, as in Prometheus; the parser's does not. Here, so that a query asked again compiles nothing.
fn match_lines(expr: &mut Expr) -> Result<(), PromqlError> {
    match expr {
        Expr::VectorSelector(selector) => match_lines_of(selector),
        Expr::MatrixSelector(matrix) => match_lines_of(&mut matrix.vs),
        Expr::Paren(inner) => match_lines(&mut inner.expr),
        Expr::Unary(inner) => match_lines(&mut inner.expr),
        Expr::Subquery(inner) => match_lines(&mut inner.expr),
        Expr::Binary(both) => match_lines(&mut both.lhs).and_then(|()| match_lines(&mut both.rhs)),
        Expr::Aggregate(group) => group.param.iter_mut().chain([&mut group.expr]).try_for_each(|arg| match_lines(arg)),
        Expr::Call(call) => call.args.args.iter_mut().try_for_each(|arg| match_lines(arg)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Ok(()),
    }
}

fn match_lines_of(selector: &mut VectorSelector) -> Result<(), PromqlError> {
    for matcher in &mut selector.matchers.matchers {
        if let MatchOp::Re(regex) | MatchOp::NotRe(regex) = &mut matcher.op
            && regex.as_str().contains('.')
        {
            *regex = with_dot_all(regex)?;
        }
    }
    Ok(())
}

fn with_dot_all(regex: &Regex) -> Result<Regex, PromqlError> {
    RegexBuilder::new(regex.as_str()).dot_matches_new_line(true).build().map_err(|error| PromqlError::BadQuery(error.to_string()))
}

/// Refuses what the parser lets through and the evaluator must not meet.
fn check(root: &Expr) -> Result<(), PromqlError> {
    let mut open = vec![(root, 1)];
    while let Some((expr, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(PromqlError::TooComplex { limit: MAX_DEPTH, what: "levels" });
        }
        check_node(expr)?;
        open.extend(children(expr).into_iter().map(|child| (child, depth + 1)));
    }
    Ok(())
}

fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Paren(inner) => vec![&inner.expr],
        Expr::Unary(inner) => vec![&inner.expr],
        Expr::Subquery(inner) => vec![&inner.expr],
        Expr::Binary(both) => vec![&both.lhs, &both.rhs],
        Expr::Aggregate(group) => group.param.iter().chain([&group.expr]).map(|arg| &**arg).collect(),
        Expr::Call(call) => call.args.args.iter().map(|arg| &**arg).collect(),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::VectorSelector(_) | Expr::MatrixSelector(_) | Expr::Extension(_) => {
            Vec::new()
        }
    }
}

fn check_node(expr: &Expr) -> Result<(), PromqlError> {
    match expr {
        Expr::Binary(both) => match &both.modifier {
            Some(modifier) if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() => {
                Err(refusal("fill()", "use `or` with a default instead"))
            }
            Some(_) | None => Ok(()),
        },
        Expr::Aggregate(group) if matches!(group.op.id(), T_LIMITK | T_LIMIT_RATIO) => {
            Err(refusal(&format!("{}()", group.op), "Prometheus has it behind a flag; use topk()"))
        }
        Expr::Call(call) => check_function(&call.func),
        Expr::Subquery(inner) if inner.range.is_zero() || inner.step.is_some_and(|step| step.as_millis() == 0) => Err(zero_duration()),
        Expr::MatrixSelector(matrix) if matrix.range.is_zero() => Err(zero_duration()),
        Expr::MatrixSelector(matrix) => check_selector(&matrix.vs),
        Expr::VectorSelector(selector) => check_selector(selector),
        Expr::Extension(_) => Err(refusal("an extension", "use plain PromQL")),
        Expr::Paren(_) | Expr::Unary(_) | Expr::Aggregate(_) | Expr::Subquery(_) | Expr::NumberLiteral(_) | Expr::StringLiteral(_) => {
            Ok(())
        }
    }
}

fn check_selector(selector: &VectorSelector) -> Result<(), PromqlError> {
    if selector.matchers.or_matchers.is_empty() {
        return Ok(());
    }
    let reason = "unexpected \"or\" in label matching, expected \",\" or \"}\"";
    Err(PromqlError::BadQuery(reason.to_owned()))
}

fn check_function(function: &Function) -> Result<(), PromqlError> {
    let name = function.name;
    let reason = if function.experimental || name == "first_over_time" {
        "Prometheus has it behind a flag; use a stable function"
    } else if name.starts_with("histogram_") && name != "histogram_quantile" {
        "it reads native histograms; use histogram_quantile() over classic buckets"
    } else {
        return Ok(());
    };
    Err(refusal(&format!("{name}()"), reason))
}

fn refusal(what: &str, reason: &'static str) -> PromqlError {
    PromqlError::NotInRehearsal { what: what.to_owned(), reason }
}

fn zero_duration() -> PromqlError {
    PromqlError::BadQuery("duration must be greater than 0".to_owned())
}

/// One pass over the text, outside strings and comments.
///
/// The parser unescapes raw strings and refuses `1_000` (Prometheus does neither), panics on a
/// duration such as `[1e400]` and recurses as deep as the query nests; so raw strings are
/// rewritten as quoted ones, underscores dropped, durations looked at and operators counted.
struct Reading<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    out: String,
    operators: usize,
    in_braces: bool,
    duration_next: bool,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text.chars().peekable(), out: String::with_capacity(text.len()), operators: 0, in_braces: false, duration_next: false }
    }

    fn finish(mut self) -> Result<String, PromqlError> {
        while let Some(next) = self.rest.next() {
            match next {
                '"' | '\'' => self.quoted(next),
                '`' => self.raw(),
                '#' => self.comment(),
                _ if is_word(next) => self.word(next)?,
                _ => self.symbol(next)?,
            }
        }
        Ok(self.out)
    }

    fn quoted(&mut self, quote: char) {
        self.duration_next = false;
        self.out.push(quote);
        while let Some(next) = self.rest.next() {
            self.out.push(next);
            if next == '\\' {
                self.out.extend(self.rest.next());
            } else if next == quote {
                break;
            }
        }
    }

    fn raw(&mut self) {
        self.duration_next = false;
        let mut text = String::new();
        loop {
            match self.rest.next() {
                Some('`') => break,
                Some('\\') => text.push_str("\\\\"),
                Some('"') => text.push_str("\\\""),
                Some('\n') => text.push_str("\\n"),
                Some('\r') => text.push_str("\\r"),
                Some(other) => text.push(other),
                None => {
                    // unterminated: left as it was, for the parser to say so
                    self.out.push('`');
                    return;
                }
            }
        }
        self.out.push('"');
        self.out.push_str(&text);
        self.out.push('"');
    }

    fn comment(&mut self) {
        self.out.push('#');
        for next in self.rest.by_ref() {
            self.out.push(next);
            if next == '\n' || next == '\r' {
                break;
            }
        }
    }

    fn word(&mut self, first: char) -> Result<(), PromqlError> {
        let start = self.out.len();
        self.out.push(first);
        let numeric = first.is_ascii_digit() || first == '.';
        while let Some(next) = self.rest.peek().copied() {
            let exponent = numeric && (next == '+' || next == '-') && self.out.ends_with(['e', 'E']);
            if !is_word(next) && !exponent {
                break;
            }
            self.out.push(next);
            self.rest.next();
        }
        if numeric && separates_digits(&self.out[start..]) {
            let digits = self.out.split_off(start).replace('_', "");
            self.out.push_str(&digits);
        }
        let word = self.out[start..].to_ascii_lowercase();
        if self.duration_next {
            check_seconds(&word)?;
        }
        self.duration_next = word == "offset";
        if matches!(word.as_str(), "and" | "or" | "unless" | "atan2") {
            self.count()?;
        }
        Ok(())
    }

    fn symbol(&mut self, symbol: char) -> Result<(), PromqlError> {
        self.out.push(symbol);
        match symbol {
            '{' => self.in_braces = true,
            '}' => self.in_braces = false,
            '(' | '[' | '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '=' | '!' if !self.in_braces => {
                self.count()?;
            }
            _ => {}
        }
        if !symbol.is_whitespace() && symbol != '+' && symbol != '-' {
            self.duration_next = symbol == '[' || symbol == ':';
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), PromqlError> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(PromqlError::TooComplex { limit: MAX_OPERATORS, what: "operators and brackets" });
        }
        Ok(())
    }
}

fn is_word(symbol: char) -> bool {
    symbol.is_ascii_alphanumeric() || symbol == '_' || symbol == '.'
}

/// Whether `word` is a whole number whose digits are grouped by single underscores: `1_000`.
fn separates_digits(word: &str) -> bool {
    word.contains('_') && word.split('_').all(|group| !group.is_empty() && group.bytes().all(|digit| digit.is_ascii_digit()))
}

/// Refuses a bare number of seconds that no duration can hold.
fn check_seconds(word: &str) -> Result<(), PromqlError> {
    match word.parse::<f64>() {
        Ok(seconds) if !(seconds.is_finite() && seconds < MAX_SECONDS) => {
            Err(PromqlError::BadQuery(format!("duration out of range: {word}")))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{PromqlError, Reading, parse};

    #[test]
    fn raw_strings_should_keep_their_backslashes() {
        let text = Reading::new("x{a=~`5\\d`, b=\"`\"} # `c").finish().unwrap();
        assert_eq!(text, "x{a=~\"5\\\\d\", b=\"`\"} # `c");
    }

    #[test]
    fn grouped_digits_should_be_one_number() {
        let text = Reading::new("1_000 + a_1 + 1__0 + 1_").finish().unwrap();
        assert_eq!(text, "1000 + a_1 + 1__0 + 1_");
    }

    #[test]
    fn durations_no_clock_can_hold_should_be_refused() {
        for text in [
            "x[1e400]",
            "x[99999999999999999999999]",
            "x offset 1e300",
            "x offset -Inf",
            "x offset NaN",
            "x[5m:1e99]",
            "x[ # c\n 1e99 ]",
            "x[0]",
            "x[5m:0]",
            "x[5m:0.0001]",
        ] {
            assert!(matches!(parse(text), Err(PromqlError::BadQuery(_))), "{text}");
        }
    }

    #[test]
    fn endless_nesting_should_be_refused_before_it_is_parsed() {
        for part in ["(", "-", "1+", "2^", "x or ", "sum(", "a[5m:]"] {
            let text = part.repeat(3_000);
            assert!(matches!(parse(&text), Err(PromqlError::TooComplex { .. })), "{part}");
        }
    }

    #[test]
    fn unsupported_functions_should_be_refused_by_name() {
        let refused = parse("sum(histogram_avg(x))").unwrap_err();
        assert!(refused.to_string().starts_with("histogram_avg() is not in rehearsal: "));
        assert_eq!(refused.kind(), "bad_data");
        assert!(parse("histogram_quantile(0.9, x)").is_ok());
    }
}
