//! The boots on a line of time: one bar each, what was done at the same time above each other.
//!
//! Deploys are days apart and overlap for seconds. So time is not drawn to scale: each stretch
//! in which nothing begins or ends is as long as the logarithm of its duration, and what comes
//! first stands left of what comes later. The picture is a share of its width in every place, so
//! it fits a phone and a desk without a script.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;

use super::show::{Moment, Span};
use crate::library::Millis;
use crate::store::boots::{Boot, Ending, Overlap, Term};

/// Heights in pixels; each row is its label, then its bar, then the line of the index lease.
const ROW: u32 = 40;
const BAR_TOP: u32 = 19;
const BAR: u32 = 10;
const LEASE_TOP: u32 = 32;
/// Characters of a release's name that fit beside the time on a phone.
const RELEASE: usize = 12;
/// What a stretch is given at least, in units of the logarithm, so that none vanishes.
const SHORTEST: f64 = 3.0;

/// The picture, with what its parts mean.
#[derive(Template)]
#[template(path = "parts/timeline.html")]
pub struct Timeline {
    height: u32,
    bars: Vec<Bar>,
    bands: Vec<Band>,
}

impl HtmlSafe for Timeline {}

/// A boot.
pub struct Bar {
    number: u64,
    release: String,
    started: Moment,
    lived: Span,
    is_this: bool,
    label_y: u32,
    bar_y: u32,
    lease_y: u32,
    middle_y: u32,
    parts: Vec<Part>,
    /// When it held the index lease.
    terms: Vec<Stretch>,
    end: Percent,
    ending: Option<Ending>,
}

impl Bar {
    fn is_running(&self) -> bool {
        self.ending.is_none()
    }

    fn is_killed(&self) -> bool {
        self.ending == Some(Ending::Killed)
    }

    fn is_crashed(&self) -> bool {
        self.ending == Some(Ending::Crashed)
    }
}

/// A part of a boot's life, named by its class: `starting`, `serving` or `leaving`.
pub struct Part {
    class: &'static str,
    stretch: Stretch,
}

impl Part {
    fn is_leaving(&self) -> bool {
        self.class == "leaving"
    }
}

/// Two boots at the same time: behind their bars, from the one to the other.
pub struct Band {
    y: u32,
    height: u32,
    stretch: Stretch,
}

/// A stretch of the line.
pub struct Stretch {
    x: Percent,
    width: Percent,
}

/// A share of the picture's width.
#[derive(Clone, Copy)]
pub struct Percent(f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0)
    }
}

impl Timeline {
    /// `boots` come newest first, and stand in this order from the top.
    pub fn new(
        boots: &[Boot],
        overlaps: &[Overlap],
        terms: &[Term],
        this: u64,
        now_ms: Millis,
    ) -> Self {
        let scale = Scale::of(boots, now_ms);
        let row_of = |number| boots.iter().position(|boot| boot.number == number);
        let bands = overlaps.iter().filter_map(|overlap| {
            let (top, bottom) = (row_of(overlap.newer)?, row_of(overlap.older)?);
            let (top, bottom) = (row_top(top) + BAR_TOP, row_top(bottom) + BAR_TOP + BAR);
            Some(Band {
                y: top,
                height: bottom.saturating_sub(top),
                stretch: scale.stretch(overlap.began_ms, overlap.last_ms),
            })
        });
        let bars = boots.iter().enumerate().map(|(row, boot)| Bar {
            number: boot.number,
            release: short(&boot.release),
            started: Moment(boot.started_ms),
            lived: Span(end_of(boot, now_ms) - boot.started_ms),
            is_this: boot.number == this,
            label_y: row_top(row) + 13,
            bar_y: row_top(row) + BAR_TOP,
            lease_y: row_top(row) + LEASE_TOP,
            middle_y: row_top(row) + BAR_TOP + BAR / 2,
            parts: parts(boot, &scale, now_ms),
            terms: held(boot, terms, &scale, now_ms),
            end: scale.place(end_of(boot, now_ms)),
            ending: boot.ending,
        });
        Self {
            height: row_top(boots.len()),
            bands: bands.collect(),
            bars: bars.collect(),
        }
    }
}

fn row_top(row: usize) -> u32 {
    ROW * u32::try_from(row).unwrap_or(0)
}

/// As much of a release's name as tells it from others.
pub fn short(release: &str) -> String {
    release.chars().take(RELEASE).collect()
}

/// The end of a boot, or now while it runs; never before its start.
pub fn end_of(boot: &Boot, now_ms: Millis) -> Millis {
    boot.ended_ms.unwrap_or(now_ms).max(boot.started_ms)
}

fn parts(boot: &Boot, scale: &Scale, now_ms: Millis) -> Vec<Part> {
    let end_ms = end_of(boot, now_ms);
    let ready_ms = match (boot.ready_ms, boot.told_ms) {
        (Some(ready_ms), _) => ready_ms.clamp(boot.started_ms, end_ms),
        // Its release notes such things, so it never was.
        (None, Some(_)) => end_ms,
        (None, None) => boot.started_ms,
    };
    let told_ms = boot.told_ms.unwrap_or(end_ms).clamp(ready_ms, end_ms);
    [
        ("starting", boot.started_ms, ready_ms),
        ("serving", ready_ms, told_ms),
        ("leaving", told_ms, end_ms),
    ]
    .into_iter()
    .filter(|(_, from, to)| from < to)
    .map(|(class, from, to)| Part {
        class,
        stretch: scale.stretch(from, to),
    })
    .collect()
}

fn held(boot: &Boot, terms: &[Term], scale: &Scale, now_ms: Millis) -> Vec<Stretch> {
    let own = terms.iter().filter(|term| term.boot == boot.number);
    own.map(|term| {
        let released_ms = term.released_ms.unwrap_or(end_of(boot, now_ms));
        scale.stretch(term.taken_ms, released_ms)
    })
    .collect()
}

/// Where a time stands on the line.
struct Scale {
    /// Times at which something began or ended, each with its place from 0 to 100; in order.
    places: Vec<(Millis, f64)>,
}

impl Scale {
    fn of(boots: &[Boot], now_ms: Millis) -> Self {
        let turns = |boot: &Boot| {
            let end_ms = end_of(boot, now_ms);
            let inner = [boot.ready_ms, boot.told_ms].into_iter().flatten();
            let inner = inner.map(move |ms| ms.clamp(boot.started_ms, end_ms));
            inner
                .chain([boot.started_ms, end_ms])
                .collect::<Vec<Millis>>()
        };
        let mut times: Vec<Millis> = boots.iter().flat_map(turns).collect();
        times.sort_unstable();
        times.dedup();
        let mut so_far = 0.0;
        let mut before = times.first().copied().unwrap_or(now_ms);
        let mut places: Vec<(Millis, f64)> = Vec::with_capacity(times.len());
        for time in times {
            if time > before {
                let seconds = (time - before) as f64 / 1000.0;
                so_far += SHORTEST + (1.0 + seconds).log2();
            }
            places.push((time, so_far));
            before = time;
        }
        let whole = if so_far > 0.0 { so_far } else { 1.0 };
        for (_, place) in &mut places {
            *place *= 100.0 / whole;
        }
        Self { places }
    }

    fn place(&self, time: Millis) -> Percent {
        let after = self.places.partition_point(|(turn, _)| *turn <= time);
        let before = after.checked_sub(1).map(|at| self.places[at]);
        Percent(match (before, self.places.get(after)) {
            (Some((from, left)), Some((to, right))) => {
                left + (right - left) * (time - from) as f64 / (to - from) as f64
            }
            (Some((_, left)), None) => left,
            (None, _) => 0.0,
        })
    }

    fn stretch(&self, from: Millis, to: Millis) -> Stretch {
        let (x, end) = (self.place(from), self.place(to.max(from)));
        Stretch {
            x,
            width: Percent(end.0 - x.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;
    const DAY: Millis = 24 * 60 * MINUTE;

    fn boot(number: u64, started_ms: Millis) -> Boot {
        Boot {
            number,
            release: "a1b2c3d4e5f6a7b8".into(),
            host: "host".into(),
            pid: 7,
            started_ms,
            ready_ms: Some(started_ms + 400),
            told_ms: None,
            last_seen_ms: started_ms,
            ended_ms: None,
            ending: None,
        }
    }

    fn ended(boot: Boot, told_ms: Millis, ended_ms: Millis) -> Boot {
        Boot {
            told_ms: Some(told_ms),
            ended_ms: Some(ended_ms),
            ending: Some(Ending::Drained),
            ..boot
        }
    }

    /// A deploy after thirty days: the two run beside each other for a minute.
    fn deploy() -> (Vec<Boot>, Overlap) {
        let old = ended(boot(1, 0), 30 * DAY, 30 * DAY + MINUTE);
        let new = boot(2, 30 * DAY - MINUTE / 2);
        let overlap = Overlap {
            older: 1,
            newer: 2,
            began_ms: new.started_ms,
            last_ms: 30 * DAY + MINUTE,
            older_requests: Some(1),
            newer_requests: Some(1),
        };
        (vec![new, old], overlap)
    }

    #[test]
    fn a_minute_can_be_seen_beside_a_month() {
        let (boots, overlap) = deploy();
        let now_ms = 60 * DAY;
        let timeline = Timeline::new(&boots, &[overlap], &[], 2, now_ms);
        let [band] = &timeline.bands[..] else {
            panic!("one band")
        };
        assert!(band.stretch.width.0 > 10.0, "{}", band.stretch.width);
        let leaving = timeline.bars[1].parts.last().unwrap();
        assert_eq!(leaving.class, "leaving");
        assert!(leaving.stretch.width.0 > 5.0, "{}", leaving.stretch.width);
        // It reaches from the one bar to the other.
        assert_eq!(band.y, timeline.bars[0].bar_y);
        assert_eq!(band.y + band.height, timeline.bars[1].bar_y + BAR);
    }

    #[test]
    fn everything_stays_within_the_picture_and_in_order() {
        let (boots, _) = deploy();
        let scale = Scale::of(&boots, 60 * DAY);
        let times = [
            -DAY,
            0,
            100,
            DAY,
            30 * DAY,
            30 * DAY + 1,
            60 * DAY,
            90 * DAY,
        ];
        let places: Vec<f64> = times.iter().map(|time| scale.place(*time).0).collect();
        assert!(places.is_sorted(), "{places:?}");
        assert_eq!((places[0], places[7]), (0.0, 100.0));
        assert!(scale.stretch(DAY, 0).width.0 >= 0.0);
    }

    #[test]
    fn clocks_that_were_set_back_draw_no_negative_widths() {
        let odd = Boot {
            ready_ms: Some(5),
            told_ms: Some(3),
            ended_ms: Some(1),
            ..boot(1, 1_000)
        };
        let timeline = Timeline::new(&[odd], &[], &[], 1, 500);
        for part in &timeline.bars[0].parts {
            assert!(part.stretch.width.0 >= 0.0);
        }
    }

    #[test]
    fn without_boots_there_is_nothing_to_draw() {
        let timeline = Timeline::new(&[], &[], &[], 0, 0);
        assert_eq!((timeline.height, timeline.bars.len()), (0, 0));
    }

    #[test]
    fn the_lease_is_drawn_while_it_was_held() {
        let (boots, _) = deploy();
        let term = Term {
            boot: 1,
            index: "i".into(),
            taken_ms: 400,
            released_ms: Some(30 * DAY),
            how: crate::store::boots::HandOver::Free,
            previous: None,
            after_ms: None,
        };
        let timeline = Timeline::new(&boots, &[], &[term], 2, 60 * DAY);
        assert_eq!(timeline.bars[0].terms.len(), 0);
        let held = &timeline.bars[1].terms[0];
        assert!(held.x.0 > 0.0 && held.width.0 > 10.0);
    }
}
