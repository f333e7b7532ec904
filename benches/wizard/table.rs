//! Medians, ratios and how they are printed.

use std::time::Duration;

/// Measured values, one per round.
#[derive(Clone, Debug, Default)]
pub struct Series(pub Vec<f64>);

impl Series {
    /// Adds the value of a round.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Adds a duration in seconds.
    pub fn push_time(&mut self, value: Duration) {
        self.push(value.as_secs_f64());
    }

    /// Returns the median.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            count if count % 2 == 1 => sorted[count / 2],
            count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
        }
    }

    /// Returns the median of the ratios to another series, round by round: what disturbed a round disturbed both.
    pub fn ratio(&self, other: &Self) -> f64 {
        Self(self.0.iter().zip(&other.0).map(|(mine, theirs)| mine / theirs).collect()).median()
    }

    fn range(&self) -> (f64, f64) {
        (self.0.iter().copied().fold(f64::INFINITY, f64::min), self.0.iter().copied().fold(0.0, f64::max))
    }

    /// Prints median and range, each value times `unit`.
    pub fn show(&self, unit: f64, digits: usize) -> String {
        let (least, most) = self.range();
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median() * unit, least * unit, most * unit)
    }
}

/// Prints a heading.
pub fn heading(text: &str) {
    println!("\n{text}\n{}", "-".repeat(text.chars().count()));
}

/// Prints rows below their titles, columns aligned.
pub fn print(titles: &[&str], rows: &[Vec<String>]) {
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    let width = |column: usize| {
        std::iter::once(&titles).chain(rows).filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    for row in std::iter::once(&titles).chain(rows) {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| {
                let space = width(column).unwrap_or_default() - cell.chars().count();
                format!("{cell}{}", " ".repeat(space))
            })
            .collect();
        println!("  {}", cells.join("  ").trim_end());
    }
}

/// Says beside a figure whether it is below its goal.
pub fn below(value: f64, goal: f64) -> &'static str {
    if value < goal { "yes" } else { "NO" }
}
