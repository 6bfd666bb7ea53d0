//! Walks the syntax tree and evaluates every node for all moments of a query.
//!
//! Made by the room's two entry points for one query and dropped with its answer. Reads the
//! store; the only state it keeps is the query's budget.

use promql_parser::parser::token::{T_BOTTOMK, T_TOPK};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{AggregateExpr, BinaryExpr, Expr, SubqueryExpr, VectorSelector};

use super::aggregate::{Parameter, aggregate};
use super::binary::Operator;
use super::budget::Budget;
use super::error::PromqlError;
use super::frame::{Frame, Grid, Merge};
use super::function;
use super::matching;
use super::selector::{Anchor, Read, lookup, millis, select};
use super::store::Store;
use super::value::{Sample, Track, Value};
use super::window::{Ranges, Shape};

/// The step of a subquery that names none, in milliseconds: Prometheus' default evaluation
/// interval.
const DEFAULT_STEP: i64 = 60_000;

/// What a node evaluates to, for every moment of a grid.
#[derive(Debug)]
pub(super) enum Outcome {
    /// One number a moment.
    Scalar(Vec<f64>),
    /// Series.
    Vector(Frame),
    /// A string, the same at every moment.
    Text(String),
}

/// One query under evaluation.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    store: &'a Store,
    top: Grid,
    budget: Budget,
}

impl<'a> Evaluator<'a> {
    /// A query over `store`, asked for the moments of `top`.
    pub(super) fn new(store: &'a Store, top: Grid) -> Self {
        Self { store, top, budget: Budget::default() }
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The answer at the one moment of the query.
    pub(super) fn instant(&self, expr: &Expr) -> Result<Value, PromqlError> {
        let at = self.top.start;
        if expr.value_type() == ValueType::Matrix {
            let mut tracks = self.ranges(expr, self.top)?.tracks();
            tracks.sort_by(|left, right| left.labels.cmp(&right.labels));
            return Ok(Value::Matrix(tracks));
        }
        Ok(match self.evaluate(expr, self.top)? {
            Outcome::Scalar(numbers) => {
                let number = numbers.first().copied();
                Value::Scalar((at, number.unwrap_or(f64::NAN)))
            }
            Outcome::Text(text) => Value::Text(at, text),
            Outcome::Vector(frame) => {
                let mut samples: Vec<Sample> = frame
                    .rows()
                    .filter_map(|(labels, cells)| {
                        let value = cells.first().copied().flatten()?;
                        Some(Sample { labels: labels.clone(), point: (at, value) })
                    })
                    .collect();
                if !orders_itself(expr) {
                    samples.sort_by(|left, right| left.labels.cmp(&right.labels));
                }
                Value::Vector(samples)
            }
        })
    }

    /// The answer at every moment of the query.
    pub(super) fn range(&self, expr: &Expr) -> Result<Value, PromqlError> {
        let frame = match self.evaluate(expr, self.top)? {
            Outcome::Vector(frame) => frame,
            Outcome::Scalar(numbers) => {
                let mut merge = Merge::new(self.top.count, &self.budget);
                merge.add(super::Labels::empty(), numbers.into_iter().map(Some))?;
                merge.finish()
            }
            Outcome::Text(_) => return Err(PromqlError::RangeType("string")),
        };
        let mut tracks: Vec<Track> = frame
            .rows()
            .map(|(labels, cells)| {
                let moments = self.top.moments().zip(cells);
                Track { labels: labels.clone(), points: moments.filter_map(|(at, cell)| Some((at, (*cell)?))).collect() }
            })
            .collect();
        tracks.sort_by(|left, right| left.labels.cmp(&right.labels));
        Ok(Value::Matrix(tracks))
    }

    fn evaluate(&self, expr: &Expr, grid: Grid) -> Result<Outcome, PromqlError> {
        match expr {
            Expr::Paren(inner) => self.evaluate(&inner.expr, grid),
            Expr::NumberLiteral(number) => {
                self.budget.hold(grid.count)?;
                Ok(Outcome::Scalar(vec![number.val; grid.count]))
            }
            Expr::StringLiteral(text) => Ok(Outcome::Text(text.val.clone())),
            Expr::VectorSelector(selector) => {
                let frame = self.lookup(selector, grid, Read::Value)?;
                Ok(Outcome::Vector(frame))
            }
            Expr::Unary(inner) => self.negate(&inner.expr, grid),
            Expr::Binary(both) => self.binary(both, grid),
            Expr::Aggregate(group) => self.aggregate(group, grid).map(Outcome::Vector),
            Expr::Call(call) => {
                self.budget.hold(grid.count)?;
                function::call(self, call, grid)
            }
            Expr::MatrixSelector(_) | Expr::Subquery(_) => Err(PromqlError::expected("scalar or instant vector, got range vector")),
            Expr::Extension(_) => Err(PromqlError::expected("plain PromQL")),
        }
    }

    /// `expr` as series.
    pub(super) fn vector(&self, expr: &Expr, grid: Grid) -> Result<Frame, PromqlError> {
        match self.evaluate(expr, grid)? {
            Outcome::Vector(frame) => Ok(frame),
            Outcome::Scalar(_) | Outcome::Text(_) => Err(PromqlError::expected("instant vector")),
        }
    }

    /// `expr` as one number a moment.
    pub(super) fn scalar(&self, expr: &Expr, grid: Grid) -> Result<Vec<f64>, PromqlError> {
        match self.evaluate(expr, grid)? {
            Outcome::Scalar(numbers) => Ok(numbers),
            Outcome::Vector(_) | Outcome::Text(_) => Err(PromqlError::expected("scalar")),
        }
    }

    /// `expr` as a string.
    pub(super) fn text(&self, expr: &Expr, grid: Grid) -> Result<String, PromqlError> {
        match self.evaluate(expr, grid)? {
            Outcome::Text(text) => Ok(text),
            Outcome::Scalar(_) | Outcome::Vector(_) => Err(PromqlError::expected("string")),
        }
    }

    /// What `selector` reads at every moment.
    pub(super) fn lookup(&self, selector: &VectorSelector, grid: Grid, read: Read) -> Result<Frame, PromqlError> {
        let series = select(self.store, selector);
        let anchor = Anchor::new(selector.at.as_ref(), selector.offset.as_ref(), self.top);
        lookup(&series, anchor, grid, read, &self.budget)
    }

    /// `expr` as windows over samples.
    pub(super) fn ranges(&self, expr: &Expr, grid: Grid) -> Result<Ranges<'a>, PromqlError> {
        match expr {
            Expr::Paren(inner) => self.ranges(&inner.expr, grid),
            Expr::MatrixSelector(matrix) => {
                let selector = &matrix.vs;
                let series = select(self.store, selector);
                let shape = Shape {
                    grid,
                    range: millis(matrix.range),
                    anchor: Anchor::new(selector.at.as_ref(), selector.offset.as_ref(), self.top),
                };
                Ok(Ranges::of_series(&series, shape))
            }
            Expr::Subquery(subquery) => self.subquery(subquery, grid),
            _ => Err(PromqlError::expected("range vector")),
        }
    }

    fn subquery(&self, subquery: &SubqueryExpr, grid: Grid) -> Result<Ranges<'a>, PromqlError> {
        let shape =
            Shape { grid, range: millis(subquery.range), anchor: Anchor::new(subquery.at.as_ref(), subquery.offset.as_ref(), self.top) };
        let inner = shape.inner(subquery.step.map_or(DEFAULT_STEP, millis));
        self.budget.hold(inner.count)?;
        let frame = self.vector(&subquery.expr, inner)?;
        Ok(Ranges::of_frame(&frame, inner, shape))
    }

    fn negate(&self, expr: &Expr, grid: Grid) -> Result<Outcome, PromqlError> {
        match self.evaluate(expr, grid)? {
            Outcome::Scalar(numbers) => Ok(Outcome::Scalar(numbers.iter().map(|value| -value).collect())),
            Outcome::Vector(input) => {
                let mut frame = Frame::new(input.width());
                for (labels, cells) in input.rows() {
                    let negated = cells.iter().map(|cell| cell.map(|value| -value));
                    frame.push(labels.without_name(), negated);
                }
                frame.distinct().map(Outcome::Vector)
            }
            Outcome::Text(_) => Err(PromqlError::expected("scalar or instant vector")),
        }
    }

    fn binary(&self, expr: &BinaryExpr, grid: Grid) -> Result<Outcome, PromqlError> {
        let token = expr.op.id();
        let modifier = expr.modifier.as_ref();
        let left = self.evaluate(&expr.lhs, grid)?;
        let right = self.evaluate(&expr.rhs, grid)?;
        let budget = &self.budget;
        if matching::is_set_operator(token) {
            let (Outcome::Vector(left), Outcome::Vector(right)) = (&left, &right) else {
                return Err(PromqlError::expected("instant vectors around a set operator"));
            };
            return matching::combine(token, modifier, left, right, budget).map(Outcome::Vector);
        }
        let operator = Operator::new(token, expr.return_bool()).ok_or_else(|| PromqlError::expected("an operator"))?;
        match (left, right) {
            (Outcome::Scalar(left), Outcome::Scalar(right)) => Ok(Outcome::Scalar(operator.on_scalars(&left, &right))),
            (Outcome::Vector(left), Outcome::Scalar(right)) => operator.on_vector_and_scalar(&left, &right, budget).map(Outcome::Vector),
            (Outcome::Scalar(left), Outcome::Vector(right)) => operator.on_scalar_and_vector(&left, &right, budget).map(Outcome::Vector),
            (Outcome::Vector(left), Outcome::Vector(right)) => {
                matching::join(operator, modifier, &left, &right, budget).map(Outcome::Vector)
            }
            (Outcome::Text(_), _) | (_, Outcome::Text(_)) => Err(PromqlError::expected("scalar or instant vector around an operator")),
        }
    }

    fn aggregate(&self, expr: &AggregateExpr, grid: Grid) -> Result<Frame, PromqlError> {
        let parameter = match &expr.param {
            None => Parameter::Nothing,
            Some(param) => match self.evaluate(param, grid)? {
                Outcome::Scalar(numbers) => Parameter::Numbers(numbers),
                Outcome::Text(name) => Parameter::Name(name),
                Outcome::Vector(_) => {
                    return Err(PromqlError::expected("scalar in aggregation parameter"));
                }
            },
        };
        let input = self.vector(&expr.expr, grid)?;
        aggregate(expr, &input, &parameter, &self.budget)
    }
}

/// `expr` without its parentheses.
pub(super) fn unwrapped(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(inner) => unwrapped(&inner.expr),
        other => other,
    }
}

/// Whether the query itself says in which order its series come.
fn orders_itself(expr: &Expr) -> bool {
    match unwrapped(expr) {
        Expr::Call(call) => matches!(call.func.name, "sort" | "sort_desc"),
        Expr::Aggregate(group) => matches!(group.op.id(), T_TOPK | T_BOTTOMK),
        _ => false,
    }
}
