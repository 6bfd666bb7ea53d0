//! Aggregation: many series into one a group (`sum by (app)`), or the few of many (`topk`).
//!
//! The evaluator evaluates the input and the parameter and calls [`aggregate`]. Groups come in
//! the order of their first series, so equal values fall to the series met first.

use std::collections::HashMap;

use promql_parser::parser::token::{
    T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_GROUP, T_MAX, T_MIN, T_QUANTILE, T_STDDEV, T_STDVAR, T_SUM, T_TOPK, TokenId,
};
use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::budget::Budget;
use super::error::PromqlError;
use super::float;
use super::frame::{Frame, Merge};
use super::labels::Labels;

/// The argument before the vector, one value a moment or a label's name.
#[derive(Debug)]
pub(super) enum Parameter {
    Nothing,
    Numbers(Vec<f64>),
    Name(String),
}

impl Parameter {
    fn numbers(&self) -> Result<&[f64], PromqlError> {
        match self {
            Self::Numbers(numbers) => Ok(numbers),
            Self::Nothing | Self::Name(_) => Err(PromqlError::expected("scalar in aggregation parameter")),
        }
    }
}

/// Evaluates `expr` over its evaluated input.
pub(super) fn aggregate(expr: &AggregateExpr, input: &Frame, parameter: &Parameter, budget: &Budget) -> Result<Frame, PromqlError> {
    let modifier = expr.modifier.as_ref();
    match expr.op.id() {
        T_COUNT_VALUES => match parameter {
            Parameter::Name(name) => count_values(name, modifier, input, budget),
            Parameter::Nothing | Parameter::Numbers(_) => Err(PromqlError::expected("string in aggregation parameter")),
        },
        T_TOPK => rank(Rank::Top, parameter.numbers()?, modifier, input),
        T_BOTTOMK => rank(Rank::Bottom, parameter.numbers()?, modifier, input),
        T_QUANTILE => {
            let q = parameter.numbers()?;
            fold(modifier, input, budget, |column, values| float::quantile(q[column], values))
        }
        token => {
            let folded = folding(token).ok_or_else(|| PromqlError::expected("aggregation"))?;
            fold(modifier, input, budget, |_, values| folded(values))
        }
    }
}

/// The operators that need nothing but the values of a group.
fn folding(token: TokenId) -> Option<fn(&[f64]) -> f64> {
    Some(match token {
        T_SUM => float::sum,
        T_AVG => float::mean,
        T_MIN => float::min,
        T_MAX => float::max,
        T_COUNT => |values| float::count(values.len()),
        T_GROUP => |_| 1.0,
        T_STDVAR => float::variance,
        T_STDDEV => |values| float::variance(values).sqrt(),
        _ => return None,
    })
}

/// The labels of the group that `labels` falls into.
fn group_labels(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => Labels::empty(),
        Some(LabelModifier::Include(names)) => labels.only(&names.labels),
        Some(LabelModifier::Exclude(names)) => labels.without_name_and(&names.labels),
    }
}

/// Every group with the rows that belong to it.
fn groups(input: &Frame, modifier: Option<&LabelModifier>) -> Vec<(Labels, Vec<usize>)> {
    let mut groups: Vec<(Labels, Vec<usize>)> = Vec::new();
    match modifier {
        None if input.height() == 0 => {}
        None => groups.push((Labels::empty(), (0..input.height()).collect())),
        Some(LabelModifier::Include(names)) => {
            // rows are many and groups few: labels are made for the groups alone
            let (mut places, mut key) = (HashMap::new(), Vec::with_capacity(names.labels.len()));
            for row in 0..input.height() {
                key.clear();
                key.extend(names.labels.iter().map(|name| input.labels(row).get(name)));
                let place = places.get(key.as_slice()).copied().unwrap_or(groups.len());
                if place == groups.len() {
                    places.insert(key.clone(), place);
                    groups.push((group_labels(input.labels(row), modifier), Vec::new()));
                }
                groups[place].1.push(row);
            }
        }
        Some(LabelModifier::Exclude(_)) => {
            let mut places = HashMap::new();
            for row in 0..input.height() {
                let labels = group_labels(input.labels(row), modifier);
                let place = *places.entry(labels.clone()).or_insert(groups.len());
                if place == groups.len() {
                    groups.push((labels, Vec::new()));
                }
                groups[place].1.push(row);
            }
        }
    }
    groups
}

/// One value from the values of each group, moment by moment.
fn fold(
    modifier: Option<&LabelModifier>,
    input: &Frame,
    budget: &Budget,
    folded: impl Fn(usize, &mut [f64]) -> f64,
) -> Result<Frame, PromqlError> {
    let mut frame = Frame::new(input.width());
    let mut values = Vec::new();
    for (labels, members) in groups(input, modifier) {
        budget.hold(input.width())?;
        let cells = (0..input.width()).map(|column| {
            values.clear();
            values.extend(members.iter().filter_map(|row| input.cell(*row, column)));
            (!values.is_empty()).then(|| folded(column, &mut values))
        });
        frame.push(labels, cells);
    }
    Ok(frame)
}

/// How many series of each group carry each value, the value written into label `name`.
fn count_values(name: &str, modifier: Option<&LabelModifier>, input: &Frame, budget: &Budget) -> Result<Frame, PromqlError> {
    if name.is_empty() {
        return Err(PromqlError::BadArgument("invalid label name \"\" in count_values()".to_owned()));
    }
    let mut merge = Merge::new(input.width(), budget);
    for (labels, cells) in input.rows() {
        for (column, cell) in cells.iter().enumerate() {
            let Some(value) = cell else { continue };
            let text = float::plain(*value);
            let counted = labels.with(name, &text);
            let mut group = group_labels(&counted, modifier);
            if !matches!(modifier, Some(LabelModifier::Exclude(_))) {
                group = group.with(name, &text);
            }
            let row = merge.row(group)?;
            merge.raise(row, column);
        }
    }
    Ok(merge.finish())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Top,
    Bottom,
}

/// `topk` and `bottomk`: of each group the `k` series of greatest or least value, moment by
/// moment, with their own labels. NaN comes last either way. The rows of a single moment are
/// answered in rank order.
fn rank(rank: Rank, k: &[f64], modifier: Option<&LabelModifier>, input: &Frame) -> Result<Frame, PromqlError> {
    let limits: Vec<usize> = k.iter().map(|k| limit(*k)).collect::<Result<_, _>>()?;
    let mut kept = vec![false; input.height() * input.width()];
    let mut order = Vec::new();
    for (_, members) in groups(input, modifier) {
        for (column, limit) in limits.iter().enumerate() {
            let mut ranked: Vec<(f64, usize)> = members.iter().filter_map(|row| Some((input.cell(*row, column)?, *row))).collect();
            ranked.sort_by(|(left, _), (right, _)| {
                let nan_last = left.is_nan().cmp(&right.is_nan());
                nan_last.then_with(|| match rank {
                    Rank::Top => float::ascending(*right, *left),
                    Rank::Bottom => float::ascending(*left, *right),
                })
            });
            for (_, row) in ranked.iter().take(*limit) {
                kept[row * input.width() + column] = true;
                order.push(*row);
            }
        }
    }
    if input.width() != 1 {
        order = (0..input.height()).collect();
    }
    let mut frame = Frame::new(input.width());
    for row in order {
        let cells = (0..input.width()).map(|column| input.cell(row, column).filter(|_| kept[row * input.width() + column]));
        frame.push(input.labels(row).clone(), cells);
    }
    Ok(frame)
}

/// How many series `k` lets through.
fn limit(k: f64) -> Result<usize, PromqlError> {
    if k.is_nan() {
        return Err(PromqlError::BadArgument("Parameter value is NaN".to_owned()));
    }
    if k.abs() >= 9_223_372_036_854_775_807.0 {
        let side = if k > 0.0 { "overflows" } else { "underflows" };
        let k = float::plain(k);
        return Err(PromqlError::BadArgument(format!("Scalar value {k} {side} int64")));
    }
    Ok(usize::try_from(float::whole(k)).unwrap_or(0))
}
