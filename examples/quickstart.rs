//! Which parameters read handwritten digits best? The first run computes for a while, every later
//! one is done in milliseconds:
//!
//! ```sh
//! cargo run --release --example quickstart
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use larder::{Outcome, memoize};
use ndarray::{Array2, Axis, s};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Score {
    accuracy: f64,
    worst_fold: f64,
}

/// Five-fold cross-validation of kernel ridge regression. Takes seconds, and only once: the result
/// is found again by what the arguments hold, every pixel included, and by the code of this function
/// and of the helpers below.
#[memoize]
fn cross_validate(images: &Array2<f64>, labels: &[usize], gamma: f64, lambda: f64) -> Score {
    let kernel = gaussian_kernel(images, gamma);
    let targets = Array2::from_shape_fn((labels.len(), 10), |(i, digit)| if labels[i] == digit { 1.0 } else { 0.0 });
    let folds = [0, 1, 2, 3, 4].map(|fold| {
        let (held_out, train): (Vec<_>, Vec<_>) = (0..labels.len()).partition(|i| i % 5 == fold);
        let columns = kernel.select(Axis(1), &train);
        let mut system = columns.select(Axis(0), &train);
        system.diag_mut().mapv_inplace(|x| x + lambda);
        let weights = solve(system, targets.select(Axis(0), &train));
        let scores = columns.select(Axis(0), &held_out).dot(&weights);
        // Right if no digit has a higher score than the one that it is.
        let right = held_out.iter().zip(scores.rows()).filter(|(i, row)| row.iter().all(|s| *s <= row[labels[**i]]));
        right.count() as f64 / held_out.len() as f64
    });
    Score { accuracy: folds.iter().sum::<f64>() / 5.0, worst_fold: folds.into_iter().fold(1.0, f64::min) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let (images, labels) = load_digits()?;
    let grid = [0.02, 0.2, 2.0].map(|gamma| [0.001, 0.03, 1.0].map(|lambda| (gamma, lambda)));
    let grid = grid.as_flattened();

    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} after {elapsed}")?;
    let bar = ProgressBar::new(grid.len() as u64).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut rows = Vec::new();
    for &(gamma, lambda) in grid {
        let (score, outcome) = cross_validate::call(&images, &labels, gamma, lambda).outcome();
        rows.push((gamma, lambda, score, outcome));
        bar.inc(1);
    }
    bar.finish_and_clear();

    let best = rows.iter().map(|(_, _, score, _)| score.accuracy).fold(0.0, f64::max);
    println!("gamma  lambda  accuracy  worst fold");
    for (gamma, lambda, Score { accuracy, worst_fold }, outcome) in &rows {
        let source = if outcome.is_hit() { "loaded" } else { "computed" };
        let mark = if *accuracy == best { "  <- best" } else { "" };
        println!("{gamma:>5}  {lambda:>6}  {:6.2} %  {:8.2} %  {source}{mark}", 100.0 * accuracy, 100.0 * worst_fold);
    }

    // Of this run; `cross_validate::memo().stats()` is of all of them.
    let hits = rows.iter().filter(|(.., outcome)| outcome.is_hit()).count();
    let computed = rows.len() - hits;
    let saved: Duration = rows.iter().map(|(.., outcome)| saved_by(outcome)).sum();
    let (saved, elapsed) = (saved.as_secs_f64(), start.elapsed());
    println!("{} calls: {hits} hits, {computed} computed; saved {saved:.1}s; done in {elapsed:.1?}", rows.len());
    println!("the cache is in {}", cross_validate::memo().cache().path().display());
    Ok(())
}

/// The time that a call would have taken, had its result not been loaded.
fn saved_by(outcome: &Outcome) -> Duration {
    match outcome {
        Outcome::Hit { saved, .. } => *saved,
        _ => Duration::ZERO,
    }
}

/// 1797 images of 8 x 8 pixels, one a row, from 0 for paper to 1 for ink; and the digits they show.
#[expect(clippy::cast_possible_truncation, reason = "labels are whole numbers from 0 to 9")]
fn load_digits() -> Result<(Array2<f64>, Vec<usize>), ndarray::ShapeError> {
    let digits = smartcore::dataset::digits::load_dataset();
    let pixels = digits.data.into_iter().map(|pixel| f64::from(pixel) / 16.0).collect();
    let images = Array2::from_shape_vec((digits.num_samples, digits.num_features), pixels)?;
    Ok((images, digits.target.into_iter().map(|label| label as usize).collect()))
}

/// How alike any two images are: exp(-gamma d²), where d is their distance.
fn gaussian_kernel(images: &Array2<f64>, gamma: f64) -> Array2<f64> {
    let products = images.dot(&images.t());
    let squares = products.diag();
    Array2::from_shape_fn(products.dim(), |(i, j)| (-gamma * (squares[i] + squares[j] - 2.0 * products[[i, j]])).exp())
}

/// Solves `a x = b` for a symmetric, positive definite `a`, by Cholesky's decomposition `a = l lᵀ`.
fn solve(a: Array2<f64>, b: Array2<f64>) -> Array2<f64> {
    let (mut l, mut x) = (a, b);
    for i in 0..l.nrows() {
        for j in 0..=i {
            let rest = l[[i, j]] - l.slice(s![i, ..j]).dot(&l.slice(s![j, ..j]));
            l[[i, j]] = if i == j { rest.sqrt() } else { rest / l[[j, j]] };
        }
    }
    for i in 0..l.nrows() {
        let known = l.slice(s![i, ..i]).dot(&x.slice(s![..i, ..]));
        let row = (&x.row(i) - &known) / l[[i, i]];
        x.row_mut(i).assign(&row);
    }
    for i in (0..l.nrows()).rev() {
        let known = l.slice(s![i + 1.., i]).dot(&x.slice(s![i + 1.., ..]));
        let row = (&x.row(i) - &known) / l[[i, i]];
        x.row_mut(i).assign(&row);
    }
    x
}
