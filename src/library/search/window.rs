//! The best stretches of a text: most of what was asked for, closest together.

/// Words that a window may span.
const WIDTH: u32 = 30;
/// Words between two windows, so that their snippets do not overlap.
const APART: u32 = 60;

/// Occurrences of one needle that are looked at wherever they are.
const MAX_OCCURRENCES: usize = 10_000;

/// Bounds the work in a long text: of a needle that is in it very often, only the first
/// occurrences are kept, and those near the rarest needle, because the best window is likely there.
/// Each list holds one needle's positions in order.
pub fn thin_out(starts: &mut [Vec<u32>]) {
    let rarest = starts
        .iter()
        .filter(|starts| !starts.is_empty())
        .min_by_key(|starts| starts.len());
    let anchors: Vec<u32> = rarest.map_or_else(Vec::new, |starts| {
        starts.iter().copied().take(MAX_OCCURRENCES).collect()
    });
    for starts in starts
        .iter_mut()
        .filter(|starts| starts.len() > MAX_OCCURRENCES)
    {
        let mut kept = 0;
        starts.retain(|&at| {
            kept += 1;
            kept <= MAX_OCCURRENCES || is_near(&anchors, at)
        });
    }
}

fn is_near(anchors: &[u32], at: u32) -> bool {
    let next = anchors.partition_point(|&anchor| anchor + WIDTH <= at);
    anchors.get(next).is_some_and(|&anchor| anchor < at + WIDTH)
}

/// A stretch of words, by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub first: u32,
    pub last: u32,
}

/// At most `count` windows, best first: with the most different needles, then the shortest, then
/// the earliest. An occurrence is the positions of its first and last word and its needle's
/// number below `needles`.
pub fn best_windows(
    mut occurrences: Vec<(u32, u32, usize)>,
    needles: usize,
    count: usize,
) -> Vec<Window> {
    occurrences.sort_unstable();
    let mut windows = Vec::new();
    while windows.len() < count {
        let Some(best) = best_window(&occurrences, needles) else {
            break;
        };
        let near = best.first.saturating_sub(APART)..=best.last.saturating_add(APART);
        occurrences.retain(|(first, _, _)| !near.contains(first));
        windows.push(best);
    }
    windows
}

/// Slides over the sorted occurrences, keeping the window as short as its needles allow.
fn best_window(occurrences: &[(u32, u32, usize)], needles: usize) -> Option<Window> {
    let mut inside = vec![0_u32; needles];
    let mut distinct = 0;
    let mut start = 0;
    let mut best: Option<(usize, u32, Window)> = None;
    for &(at, last, needle) in occurrences {
        inside[needle] += 1;
        distinct += usize::from(inside[needle] == 1);
        loop {
            let (first, _, oldest) = occurrences[start];
            let superfluous = inside[oldest] > 1;
            if at - first < WIDTH && !superfluous {
                break;
            }
            inside[oldest] -= 1;
            distinct -= usize::from(!superfluous);
            start += 1;
        }
        let first = occurrences[start].0;
        let span = last - first;
        if best.is_none_or(|(most, shortest, _)| {
            (most, shortest_first(shortest)) < (distinct, shortest_first(span))
        }) {
            best = Some((distinct, span, Window { first, last }));
        }
    }
    best.map(|(_, _, window)| window)
}

fn shortest_first(span: u32) -> std::cmp::Reverse<u32> {
    std::cmp::Reverse(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_needle_keeps_its_common_neighbours() {
        let mut starts = [(0..100_000).collect(), vec![90_000], Vec::new()];
        thin_out(&mut starts);
        assert_eq!(starts[0].len(), MAX_OCCURRENCES + 2 * WIDTH as usize - 1);
        assert!(starts[0].contains(&90_001));
        assert_eq!(starts[1], [90_000]);
        let mut alone = [(0..100_000).collect::<Vec<u32>>()];
        thin_out(&mut alone);
        assert!(alone[0].len() < MAX_OCCURRENCES + WIDTH as usize);
    }

    fn windows(places: &[(u32, usize)], count: usize) -> Vec<(u32, u32)> {
        let occurrences = places
            .iter()
            .map(|&(at, needle)| (at, at, needle))
            .collect();
        best_windows(occurrences, 3, count)
            .iter()
            .map(|w| (w.first, w.last))
            .collect()
    }

    #[test]
    fn most_needles_win_then_closeness_then_order() {
        assert_eq!(
            windows(&[(5, 0), (100, 0), (110, 1), (300, 0), (301, 1)], 1),
            [(300, 301)]
        );
        assert_eq!(windows(&[(5, 0), (500, 0)], 2), [(5, 5), (500, 500)]);
        assert_eq!(
            windows(&[(5, 0), (30, 0), (500, 1)], 2),
            [(5, 5), (500, 500)]
        );
        assert_eq!(windows(&[(0, 0), (10, 1), (12, 0), (14, 2)], 1), [(10, 14)]);
        assert_eq!(windows(&[(0, 0), (40, 1)], 1), [(0, 0)]);
        assert_eq!(windows(&[], 2), []);
    }
}
