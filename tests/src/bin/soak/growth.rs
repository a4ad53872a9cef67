//! Whether memory grows.

/// How much the memory of the last quarter of a run was above that of the quarter before, in percent.
///
/// Of each quarter the median counts: a load of random calls has peaks.
pub(crate) fn of_second_half(samples: &[u64]) -> f64 {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        return 0.0;
    }
    let (earlier, later) = samples[samples.len() - 2 * quarter..].split_at(quarter);
    (median(later) / median(earlier) - 1.0) * 100.0
}

fn median(samples: &[u64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2] as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_in_the_first_half_does_not_count() {
        let mut samples = Vec::from_iter(1..=100);
        samples.extend([100; 100]);
        assert!(of_second_half(&samples).abs() < 1e-9);
    }

    #[test]
    fn one_peak_does_not_count() {
        let mut samples = vec![100; 100];
        samples[90] = 1_000;
        assert!(of_second_half(&samples).abs() < 1e-9);
    }

    #[test]
    fn a_leak_is_seen() {
        let samples = Vec::from_iter((0..100).map(|second| 1_000 + 10 * second));
        let growth = of_second_half(&samples);
        assert!((15.0..20.0).contains(&growth), "{growth}");
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert!(of_second_half(&[1, 2, 3]).abs() < 1e-9);
    }
}
