//! Function calls: each function by its name, over arguments the evaluator evaluates.
//!
//! Called by the evaluator for every `name(…)`. Functions over ranges are in `over_time`,
//! `histogram_quantile` in `histogram`, label functions in `relabel`, dates in `calendar`.

use promql_parser::parser::value::ValueType;
use promql_parser::parser::{Call, Expr};

use super::calendar;
use super::error::PromqlError;
use super::evaluator::{Evaluator, Outcome, unwrapped};
use super::float::{self, greater, lesser};
use super::frame::{Cell, Frame, Grid, Merge};
use super::histogram;
use super::labels::Labels;
use super::over_time;
use super::relabel;
use super::selector::{Read, absent_labels};

/// A call and where it is evaluated.
#[derive(Clone, Copy)]
struct Calling<'a> {
    evaluator: &'a Evaluator<'a>,
    name: &'a str,
    args: &'a [Box<Expr>],
    grid: Grid,
}

/// Evaluates `call` at every moment of `grid`.
pub(super) fn call(evaluator: &Evaluator<'_>, call: &Call, grid: Grid) -> Result<Outcome, PromqlError> {
    let calling = Calling { evaluator, name: call.func.name, args: &call.args.args, grid };
    if let Some(matrix) = calling.args.iter().position(|arg| arg.value_type() == ValueType::Matrix) {
        return calling.over_range(matrix).map(Outcome::Vector);
    }
    match calling.name {
        "time" => Ok(Outcome::Scalar(grid.moments().map(float::seconds).collect())),
        "pi" => Ok(Outcome::Scalar(vec![std::f64::consts::PI; grid.count])),
        "scalar" => Ok(Outcome::Scalar(only_value(&calling.vector(0)?))),
        _ => calling.on_vector().map(Outcome::Vector),
    }
}

impl<'a> Calling<'a> {
    fn expr(self, place: usize) -> Result<&'a Expr, PromqlError> {
        let expr = self.args.get(place).map(|arg| &**arg);
        expr.ok_or_else(|| PromqlError::expected(&format!("more arguments to {}()", self.name)))
    }

    fn on_vector(self) -> Result<Frame, PromqlError> {
        if let Some(function) = of_one_value(self.name) {
            return self.map(|_, value| function(value));
        }
        if let Some(part) = calendar::named(self.name) {
            if self.args.is_empty() {
                let moments = self.grid.moments();
                let cells = moments.map(|at| Some(calendar::read(part, float::seconds(at))));
                return Ok(one_row(self.grid, Labels::empty(), cells));
            }
            return self.map(|_, value| calendar::read(part, value));
        }
        match self.name {
            "vector" => {
                let numbers = self.scalar(0)?;
                let cells = numbers.into_iter().map(Some);
                Ok(one_row(self.grid, Labels::empty(), cells))
            }
            "timestamp" => self.timestamp(),
            "absent" => Ok(self.absence(&self.vector(0)?)),
            "sort" | "sort_desc" => Ok(sorted(&self.vector(0)?, self.name == "sort")),
            "round" => {
                let nearest = self.optional_scalar(1, 1.0)?;
                self.map(|column, value| {
                    let inverse = 1.0 / nearest[column];
                    (value * inverse + 0.5).floor() / inverse
                })
            }
            "clamp" => {
                let (low, high) = (self.scalar(1)?, self.scalar(2)?);
                self.map_some(|column, value| {
                    let (low, high) = (low[column], high[column]);
                    if high < low { None } else { Some(greater(low, lesser(high, value))) }
                })
            }
            "clamp_min" => {
                let low = self.scalar(1)?;
                self.map(|column, value| greater(low[column], value))
            }
            "clamp_max" => {
                let high = self.scalar(1)?;
                self.map(|column, value| lesser(high[column], value))
            }
            "histogram_quantile" => {
                let (quantiles, buckets) = (self.scalar(0)?, self.vector(1)?);
                histogram::quantiles(&quantiles, &buckets, self.evaluator.budget())
            }
            "label_replace" => {
                let texts = [self.text(1)?, self.text(2)?, self.text(3)?, self.text(4)?];
                relabel::replace(&self.vector(0)?, texts.each_ref().map(String::as_str))
            }
            "label_join" => {
                let (destination, separator) = (self.text(1)?, self.text(2)?);
                let sources = 3..self.args.len();
                let sources: Vec<String> = sources.map(|place| self.text(place)).collect::<Result<_, _>>()?;
                relabel::join(&self.vector(0)?, &destination, &separator, &sources)
            }
            name => Err(PromqlError::NotInRehearsal { what: format!("{name}()"), reason: "the practice cluster does not compute it" }),
        }
    }

    /// A function with the range vector at argument `matrix`.
    fn over_range(self, matrix: usize) -> Result<Frame, PromqlError> {
        let ranges = self.evaluator.ranges(&self.args[matrix], self.grid)?;
        let budget = self.evaluator.budget();
        if self.name == "absent_over_time" {
            let seen = ranges.read(budget, true, |_, _| Some(1.0))?;
            return Ok(self.absence(&seen));
        }
        let Some(function) = over_time::named(self.name) else {
            return Err(PromqlError::NotInRehearsal {
                what: format!("{}()", self.name),
                reason: "the practice cluster does not compute it over a range",
            });
        };
        let numbers = match self.args.len() {
            1 => vec![0.0; self.grid.count],
            _ => self.scalar(1 - matrix.min(1))?,
        };
        let named = self.name == "last_over_time";
        let frame = ranges.read(budget, named, |column, window| function(&window, numbers[column]))?;
        if named || ranges.one_name() { Ok(frame) } else { frame.distinct() }
    }

    fn vector(self, place: usize) -> Result<Frame, PromqlError> {
        self.evaluator.vector(self.expr(place)?, self.grid)
    }

    fn scalar(self, place: usize) -> Result<Vec<f64>, PromqlError> {
        self.evaluator.scalar(self.expr(place)?, self.grid)
    }

    fn optional_scalar(self, place: usize, default: f64) -> Result<Vec<f64>, PromqlError> {
        if place < self.args.len() { self.scalar(place) } else { Ok(vec![default; self.grid.count]) }
    }

    fn text(self, place: usize) -> Result<String, PromqlError> {
        self.evaluator.text(self.expr(place)?, self.grid)
    }

    /// A new value for every value of the first argument, without the metric's name.
    fn map(self, function: impl Fn(usize, f64) -> f64) -> Result<Frame, PromqlError> {
        self.map_some(|column, value| Some(function(column, value)))
    }

    fn map_some(self, function: impl Fn(usize, f64) -> Cell) -> Result<Frame, PromqlError> {
        let input = self.vector(0)?;
        let mut merge = Merge::new(self.grid.count, self.evaluator.budget());
        for (labels, cells) in input.rows() {
            let columns = cells.iter().enumerate();
            let results = columns.map(|(column, cell)| function(column, (*cell)?));
            merge.add(labels.without_name(), results)?;
        }
        Ok(merge.finish())
    }

    /// A selector's sample times; of anything else, the moments themselves.
    fn timestamp(self) -> Result<Frame, PromqlError> {
        if let Expr::VectorSelector(selector) = unwrapped(self.expr(0)?) {
            let times = self.evaluator.lookup(selector, self.grid, Read::Time)?;
            let mut merge = Merge::new(self.grid.count, self.evaluator.budget());
            for (labels, cells) in times.rows() {
                merge.add(labels.without_name(), cells.iter().copied())?;
            }
            return Ok(merge.finish());
        }
        self.map(|column, _| float::seconds(self.grid.moment(column)))
    }

    /// One at every moment where `seen` has no series.
    fn absence(self, seen: &Frame) -> Frame {
        let labels = match self.args.first().map(|arg| unwrapped(arg)) {
            Some(Expr::VectorSelector(selector)) => absent_labels(selector),
            Some(Expr::MatrixSelector(matrix)) => absent_labels(&matrix.vs),
            _ => Labels::empty(),
        };
        let columns = 0..self.grid.count;
        let cells = columns.map(|column| seen.is_empty_at(column).then_some(1.0));
        one_row(self.grid, labels, cells)
    }
}

fn one_row(grid: Grid, labels: Labels, cells: impl IntoIterator<Item = Cell>) -> Frame {
    let mut frame = Frame::new(grid.count);
    frame.push(labels, cells);
    frame
}

/// The value of a single series, NaN if there is none or more than one.
fn only_value(input: &Frame) -> Vec<f64> {
    let columns = 0..input.width();
    columns
        .map(|column| {
            let mut values = (0..input.height()).filter_map(|row| input.cell(row, column));
            match (values.next(), values.next()) {
                (Some(value), None) => value,
                _ => f64::NAN,
            }
        })
        .collect()
}

/// Rows by value, NaN last; only a single moment has an order.
fn sorted(input: &Frame, ascending: bool) -> Frame {
    let mut order: Vec<usize> = (0..input.height()).collect();
    if input.width() == 1 {
        let value = |row: &usize| input.cell(*row, 0).unwrap_or(f64::NAN);
        order.sort_by(|left, right| {
            let (left, right) = (value(left), value(right));
            let nan_last = left.is_nan().cmp(&right.is_nan());
            nan_last.then_with(|| if ascending { float::ascending(left, right) } else { float::ascending(right, left) })
        });
    }
    input.reordered(&order)
}

/// The functions that look at nothing but a value.
fn of_one_value(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "sqrt" => f64::sqrt,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        "sgn" => |value| {
            if value == 0.0 || value.is_nan() { value } else { value.signum() }
        },
        _ => return None,
    })
}
