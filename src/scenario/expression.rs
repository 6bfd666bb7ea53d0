//! CEL, the language of `object` criteria: parsed for `check`, asked by `edge`.
//!
//! Pure. What it answers never holds a value of the object: an object may be a Secret, and answers
//! reach the journal.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::thread;

use cel::common::ast::Expr;
use cel::{Context, ExecutionError, IdedExpr, Program, Value};

/// The longest expression, in bytes.
pub const LONGEST: usize = 2048;

/// The stack on which an expression is read and asked: the parser below takes much of it for each
/// level of nesting, and whoever calls may have little left.
const STACK: usize = 64 << 20;

/// How deep brackets may nest, and how many `?` there may be: the parser below recurses for each.
const DEEPEST: usize = 32;

/// The variable that stands for the object.
pub const VARIABLE: &str = "object";

/// What can be called; macros that the parser unfolds are none of them.
const FUNCTIONS: [&str; 14] =
    ["size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string", "bytes", "bool", "type", "dyn", "has"];

/// An expression that parses and speaks of nothing but `object`.
pub struct Expression {
    text: String,
    program: Program,
}

/// Why an expression is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Line and column within the expression, from 1; `None` where it is about all of it.
    pub at: Option<(u32, u32)>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What an expression says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is true.
    True,
    /// It is false.
    False,
    /// It can't be told, and why.
    Untold(String),
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// It does not parse, speaks of something other than `object`, or calls what CEL does not have.
    pub fn parse(text: &str) -> Result<Expression, Vec<Trouble>> {
        let all = |what: String, hint: Option<&str>| Trouble { at: None, what, hint: hint.map(ToOwned::to_owned) };
        if text.len() > LONGEST {
            return Err(vec![all(format!("the expression is longer than {LONGEST} bytes"), None)]);
        }
        if depth(text) > DEEPEST {
            return Err(vec![all(format!("the expression nests more than {DEEPEST} brackets, or has more than {DEEPEST} ?"), None)]);
        }
        let compiled =
            with_room(|| Program::compile(text)).ok_or_else(|| vec![all("there is no room to read the expression".to_owned(), None)])?;
        let program = compiled.map_err(|errors| {
            let of = |error: &cel::ParseError| {
                let (line, column) = error.pos;
                let at = u32::try_from(line).ok().zip(u32::try_from(column).ok()).map(|(line, column)| (line.max(1), column.max(1)));
                let said = error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg);
                let single = said.contains("'='").then(|| "equality is written ==".to_owned());
                Trouble { at, what: format!("this CEL does not parse: {}", first_line(said)), hint: single }
            };
            errors.errors.iter().take(1).map(of).collect::<Vec<_>>()
        })?;
        let mut names = Names::default();
        with_room(|| names.of(program.expression(), &mut Vec::new()));
        let mut troubles = Vec::new();
        for name in names.variables.iter().filter(|name| *name != VARIABLE) {
            let hint = format!("write {VARIABLE}.{name}");
            troubles.push(all(format!("CEL knows no {name:?} here; the object is the variable {VARIABLE}"), Some(&hint)));
        }
        for name in names.functions.iter().filter(|name| !FUNCTIONS.contains(&name.as_str())) {
            let mut trouble = all(format!("CEL has no function {name:?}"), None);
            trouble.hint = Some(format!("it has {}, and the macros has, all, exists, exists_one, map, filter", FUNCTIONS[..13].join(", ")));
            troubles.push(trouble);
        }
        if troubles.is_empty() && !names.variables.contains(VARIABLE) {
            troubles.push(all(format!("the expression does not look at the {VARIABLE}"), Some("write object.status.readyReplicas >= 2")));
        }
        if troubles.is_empty() { Ok(Expression { text: text.to_owned(), program }) } else { Err(troubles) }
    }

    /// Asks it of an object, as JSON.
    #[must_use]
    pub fn ask(&self, object: &serde_json::Value) -> Answer {
        let asked = with_room(|| {
            let mut context = Context::default();
            context.add_variable_from_value(VARIABLE, value(object));
            match self.program.execute(&context) {
                Ok(Value::Bool(true)) => Answer::True,
                Ok(Value::Bool(false)) => Answer::False,
                Ok(other) => Answer::Untold(format!("the expression answers with a {}, not with true or false", other.type_of())),
                Err(error) => Answer::Untold(untold(&error, &self.text)),
            }
        });
        asked.unwrap_or_else(|| Answer::Untold("there is no room to ask the expression".to_owned()))
    }
}

/// Does `work` on a stack of its own; `None` where there is none to have, or the work broke off.
fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok()?.join().ok())
}

/// The deepest nesting of brackets, or the number of `?` where that is more. What stands in strings counts too.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest) = (0_usize, 0);
    for letter in text.chars() {
        match letter {
            '(' | '[' | '{' => now += 1,
            ')' | ']' | '}' => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = now.max(deepest);
    }
    deepest.max(text.matches('?').count())
}

/// Why it could not be asked, without a value of the object.
fn untold(error: &ExecutionError, text: &str) -> String {
    match error {
        // a key may be data itself, as in object.data[object.data.x]: what the author wrote is none
        ExecutionError::NoSuchKey(key) if text.contains(key.as_str()) => {
            format!("the object has no field {key:?}; has(…) asks whether there is one")
        }
        ExecutionError::NoSuchKey(_) => "the object has no such field; has(…) asks whether there is one".to_owned(),
        ExecutionError::NoSuchOverload(overload) => overload.to_string(),
        ExecutionError::UnexpectedType { got, want } => format!("a {got} stands where a {want} is needed"),
        ExecutionError::UndeclaredReference(name) => format!("CEL knows no {name:?} here"),
        ExecutionError::InvalidArgumentCount { expected, actual } => format!("a function takes {expected} arguments, not {actual}"),
        ExecutionError::FunctionError { function, .. } => format!("{function}() can't take what the object has there"),
        ExecutionError::IndexOutOfBounds(_) => "a list of the object is shorter than the index".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "a division by zero".to_owned(),
        ExecutionError::ValuesNotComparable(a, b) => format!("a {} can't be compared with a {}", a.type_of(), b.type_of()),
        ExecutionError::Overflow(..) => "a number that is too large".to_owned(),
        _ => "the expression does not fit the object".to_owned(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// JSON as CEL sees it: whole numbers are int, as in Kubernetes' own CEL.
fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Value::Int(number),
            (None, Some(number), _) => Value::UInt(number),
            (None, None, number) => Value::Float(number.unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::String(Arc::new(text.clone())),
        serde_json::Value::Array(items) => Value::List(Arc::new(items.iter().map(value).collect())),
        serde_json::Value::Object(fields) => {
            let fields: HashMap<String, Value> = fields.iter().map(|(key, field)| (key.clone(), value(field))).collect();
            Value::Map(fields.into())
        }
    }
}

/// What an expression speaks of, the variables of its own macros left out.
#[derive(Default)]
struct Names {
    variables: BTreeSet<String>,
    functions: BTreeSet<String>,
}

impl Names {
    fn of<'e>(&mut self, expression: &'e IdedExpr, own: &mut Vec<&'e str>) {
        match &expression.expr {
            Expr::Ident(name) if own.contains(&name.as_str()) => {}
            Expr::Ident(name) => drop(self.variables.insert(name.clone())),
            Expr::Call(call) => {
                // operators are functions too, with names that nobody can write
                if call.func_name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    self.functions.insert(call.func_name.clone());
                }
                call.target.iter().for_each(|target| self.of(target, own));
                call.args.iter().for_each(|argument| self.of(argument, own));
            }
            Expr::Comprehension(comprehension) => {
                self.of(&comprehension.iter_range, own);
                let before = own.len();
                own.push(&comprehension.iter_var);
                own.extend(comprehension.iter_var2.as_deref());
                own.push(&comprehension.accu_var);
                for part in [&comprehension.accu_init, &comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                    self.of(part, own);
                }
                own.truncate(before);
            }
            Expr::Select(select) => self.of(&select.operand, own),
            Expr::List(list) => list.elements.iter().for_each(|element| self.of(element, own)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr, own)),
            Expr::Struct(fields) => fields.entries.iter().for_each(|entry| self.entry(&entry.expr, own)),
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry<'e>(&mut self, entry: &'e cel::common::ast::EntryExpr, own: &mut Vec<&'e str>) {
        match entry {
            cel::common::ast::EntryExpr::StructField(field) => self.of(&field.value, own),
            cel::common::ast::EntryExpr::MapEntry(entry) => {
                self.of(&entry.key, own);
                self.of(&entry.value, own);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(text: &str) -> Answer {
        let object = json!({
            "metadata": {"name": "task-api", "labels": {"app": "task-api"}},
            "spec": {"replicas": 3, "paused": false},
            "status": {"readyReplicas": 2, "conditions": [{"type": "Available", "status": "True"}, {"type": "Progressing", "status": "True"}]},
            "data": {"password": "hunter2"},
        });
        Expression::parse(text).unwrap_or_else(|troubles| panic!("{text}: {troubles:?}")).ask(&object)
    }

    fn troubles(text: &str) -> Vec<Trouble> {
        Expression::parse(text).err().unwrap_or_default()
    }

    #[test]
    fn expression_should_be_asked_of_an_object() {
        assert_eq!(ask("object.status.readyReplicas >= object.spec.replicas"), Answer::False);
        assert_eq!(ask("object.status.readyReplicas + 1 == 3 && !object.spec.paused"), Answer::True);
        assert_eq!(ask("object.status.conditions.exists(c, c.type == 'Available' && c.status == 'True')"), Answer::True);
        assert_eq!(ask("object.status.conditions.all(c, c.status == 'False')"), Answer::False);
        assert_eq!(ask("has(object.status.unavailableReplicas) ? false : true"), Answer::True);
        assert_eq!(ask("object.metadata.labels['app'].startsWith('task') && size(object.status.conditions) == 2"), Answer::True);
        assert_eq!(ask("object.metadata.name.matches('^task-.*$') && 'app' in object.metadata.labels"), Answer::True);
        assert_eq!(ask("object.spec.replicas < 3.5"), Answer::True, "numbers compare across their kinds");
    }

    #[test]
    fn expression_should_not_be_told_where_the_object_does_not_fit_it() {
        for (text, why) in [
            ("object.status.unavailableReplicas == 0", "\"unavailableReplicas\""),
            ("object.status.readyReplicas", "answers with a int"),
            ("object.metadata.name > 3", ""),
            ("object.status.conditions[7].status == 'True'", ""),
            ("object.spec.replicas / 0 == 1", "division by zero"),
        ] {
            let Answer::Untold(said) = ask(text) else { panic!("{text} was told: {:?}", ask(text)) };
            assert!(said.contains(why), "{text}: {said}");
        }
    }

    #[test]
    fn answer_should_never_hold_a_value_of_the_object() {
        for text in [
            "object.data.password",
            "object.data.password + 1 == 'x'",
            "object.data.password < 3",
            "int(object.data.password) == 3",
            "object[object.data.password] == 3",
            "object.data[object.data.password + '!'] == 3",
            "object.data.password[3] == 'x'",
            "[1, 2][object.data.password] == 1",
            "object.data.password.size(3) == 1",
            "object.data.password.matches('(')",
        ] {
            let said = format!("{:?}", ask(text));
            assert!(!said.contains("hunter"), "{text}: {said}");
        }
    }

    #[test]
    fn expression_should_be_refused_where_it_is_wrong_before_it_is_asked() {
        assert_eq!(troubles("object.a ==\n  ").len(), 1);
        assert!(troubles("object.a ==\n  )").iter().all(|trouble| trouble.at == Some((2, 3))), "{:?}", troubles("object.a ==\n  )"));
        assert!(troubles("objekt.a == 1")[0].what.contains("\"objekt\""));
        assert!(troubles("object.items.all(i, j.a == 1)")[0].what.contains("\"j\""));
        assert!(troubles("object.a.lenght() == 1")[0].what.contains("lenght"));
        assert!(troubles("1 == 1")[0].what.contains("does not look at"));
        assert!(troubles(&"(".repeat(3000)).len() == 1 && troubles(&"a".repeat(5000)).len() == 1);
        assert!(troubles(&"object.a ? 1 : ".repeat(200)).len() == 1);
    }

    #[test]
    fn expression_should_be_read_or_refused_at_any_depth() {
        let nested = format!("{}object.a == 1{}", "(".repeat(DEEPEST), ")".repeat(DEEPEST));
        assert_eq!(troubles(&nested), []);
        let lists = format!("object.a == {}1{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        assert_eq!(troubles(&lists), []);
        for long in [
            format!("object{} == 1", ".a".repeat(1000)),
            format!("{}object.a", "!".repeat(2000)),
            format!("{}object.a == 1", "-".repeat(2000)),
            format!("object.a{} == 1", " + 1".repeat(500)),
            format!("object.a{}", " && object.a".repeat(150)),
            format!("object.a{}", " < 1".repeat(500)),
            format!("{}object.a == 1", "object.a ? 1 : ".repeat(DEEPEST)),
            "object.a ".repeat(200),
            "\u{0}(\u{7f}\"'".repeat(20),
        ] {
            if let Ok(expression) = Expression::parse(&long) {
                let _ = expression.ask(&json!({"a": 1}));
            }
        }
        assert!(troubles("object.items.all(i, i.ok) && object.items.map(x, x.n).exists(n, n > 1)").is_empty());
    }
}
