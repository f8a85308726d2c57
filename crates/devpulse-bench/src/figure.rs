//! A figure: the median of repeats, with their spread.

use serde::{Deserialize, Serialize};

/// What was measured, several times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// Unique among all figures, such as `append.one.ratio`.
    pub(crate) name: String,
    /// What it is, for people.
    pub(crate) what: String,
    /// What it is counted in; empty for a ratio.
    pub(crate) unit: String,
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) repeats: usize,
}

impl Figure {
    /// Of at least one sample.
    pub(crate) fn of(name: &str, what: &str, unit: &str, samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            1 => at(middle),
            _ => f64::midpoint(at(middle.saturating_sub(1)), at(middle)),
        };
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            median,
            least: at(0),
            most: at(sorted.len().saturating_sub(1)),
            repeats: sorted.len(),
        }
    }

    /// The median with its unit.
    pub(crate) fn told(&self) -> String {
        let number = Number(self.median);
        if self.unit.is_empty() { number.to_string() } else { format!("{number} {}", self.unit) }
    }
}

/// A number with as many digits as its size deserves.
pub(crate) struct Number(pub(crate) f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.0.abs();
        if !self.0.is_finite() {
            return f.write_str("none");
        }
        let places = match size {
            _ if size >= 100.0 || size == 0.0 => 0,
            _ if size >= 10.0 => 1,
            _ if size >= 1.0 => 2,
            _ if size >= 0.1 => 3,
            _ => 4,
        };
        let text = format!("{:.places$}", self.0);
        if size < 1000.0 {
            return f.write_str(&text);
        }
        let digits = text.trim_start_matches('-');
        if self.0 < 0.0 {
            f.write_str("-")?;
        }
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let figure = Figure::of("a", "", "", &[4.0, 1.0, 3.0, 2.0]);
        assert_eq!((figure.least, figure.median, figure.most), (1.0, 2.5, 4.0));
        assert_eq!(Figure::of("a", "", "", &[3.0, 1.0, 2.0]).median, 2.0);
    }

    #[test]
    fn numbers_bear_as_many_digits_as_they_deserve() {
        let told = [1_234_567.4, 999.6, 123.4, 12.34, 1.234, 0.1234, 0.01234, 0.0, -4321.0]
            .map(|number| Number(number).to_string());
        let expected =
            ["1,234,567", "1000", "123", "12.3", "1.23", "0.123", "0.0123", "0", "-4,321"];
        assert_eq!(told, expected);
    }
}
