//! The boot ledger in words: one row for each start, what it did beside whom, and how it ended.

use askama::Template;
use askama::filters::HtmlSafe;

use super::show::{Count, Counted, Moment, Span, Took};
use super::timeline::{end_of, short};
use crate::library::Millis;
use crate::store::boots::{Boot, Ending, HandOver, Overlap, Term};

/// The table of the starts.
#[derive(Template)]
#[template(path = "parts/starts.html")]
pub struct Starts {
    rows: Vec<Row>,
}

impl HtmlSafe for Starts {}

struct Row {
    number: u64,
    release: String,
    /// Its first characters.
    short: String,
    host: String,
    started: Moment,
    is_this: bool,
    ready_after: Option<Took>,
    lived: Span,
    /// A line for each boot that it ran beside.
    beside: Vec<String>,
    /// After how long it had the index, and from whom.
    index: Option<String>,
    ended: String,
}

impl Starts {
    /// `boots` come newest first.
    pub fn new(
        boots: &[Boot],
        overlaps: &[Overlap],
        terms: &[Term],
        this: u64,
        now_ms: Millis,
    ) -> Self {
        let row = |boot| Row::new(boot, overlaps, terms, this, now_ms);
        Self {
            rows: boots.iter().map(row).collect(),
        }
    }
}

impl Row {
    fn new(boot: &Boot, overlaps: &[Overlap], terms: &[Term], this: u64, now_ms: Millis) -> Self {
        let number = boot.number;
        let of_boot = |one: &&Overlap| one.older == number || one.newer == number;
        // Later terms come first, and the one that counts is how it came to the index at all.
        let first = terms.iter().rfind(|term| term.boot == number);
        Self {
            number,
            release: boot.release.clone(),
            short: short(&boot.release),
            host: boot.host.clone(),
            started: Moment(boot.started_ms),
            is_this: number == this,
            ready_after: boot.ready_ms.map(|ms| Took(ms - boot.started_ms)),
            lived: Span(end_of(boot, now_ms) - boot.started_ms),
            beside: overlaps
                .iter()
                .filter(of_boot)
                .map(|one| beside(number, one))
                .collect(),
            index: first.map(hand_over),
            ended: ended(boot, number == this),
        }
    }
}

fn beside(number: u64, overlap: &Overlap) -> String {
    let (other, own, its) = if overlap.older == number {
        (
            overlap.newer,
            overlap.older_requests,
            overlap.newer_requests,
        )
    } else {
        (
            overlap.older,
            overlap.newer_requests,
            overlap.older_requests,
        )
    };
    let here = match own {
        Some(count) => format!("{} here", Counted(count, "request")),
        None => "not counted here".to_owned(),
    };
    let there = match its {
        Some(count) => format!("{} there", Count(count)),
        None => "not counted there".to_owned(),
    };
    let length = Took(overlap.last_ms - overlap.began_ms);
    format!("{other} for {length}: {here}, {there}")
}

fn hand_over(term: &Term) -> String {
    let after = Took(i64::try_from(term.after_ms.unwrap_or(0)).unwrap_or(i64::MAX));
    match (term.how, term.previous) {
        (HandOver::Released, Some(previous)) => format!("{after}, from {previous}"),
        (HandOver::Died, Some(previous)) => format!("at most {after}, from {previous}, which died"),
        (HandOver::Unrecorded, _) => {
            format!("at most {after}, from a release that keeps no record")
        }
        _ => "at once: nobody had it".to_owned(),
    }
}

fn ended(boot: &Boot, is_this: bool) -> String {
    let told = match (boot.told_ms, boot.ended_ms) {
        (Some(told_ms), Some(ended_ms)) => Some(Took(ended_ms - told_ms)),
        _ => None,
    };
    match (boot.ending, told) {
        (Some(Ending::Drained), Some(took)) => format!("drained in {took}"),
        (Some(Ending::Drained), None) => "drained".to_owned(),
        (Some(Ending::Killed), Some(took)) => format!("killed after {took}"),
        (Some(Ending::Killed), None) => "killed".to_owned(),
        (Some(Ending::Crashed), _) => "crashed".to_owned(),
        (None, _) if is_this => "this one".to_owned(),
        (None, _) if boot.ended_ms.is_some() => "ended".to_owned(),
        (None, _) if boot.told_ms.is_some() => "draining".to_owned(),
        (None, _) => "running".to_owned(),
    }
}

/// How many of the starts are shown, in a sentence.
pub fn told(shown: usize, known: u64) -> String {
    let shown = shown as u64;
    if shown >= known {
        return format!("{} so far.", Counted(known, "start"));
    }
    format!("The last {} of {}.", Count(shown), Counted(known, "start"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(how: HandOver, previous: Option<u64>, after_ms: Option<u64>) -> Term {
        Term {
            boot: 9,
            index: "i".into(),
            taken_ms: 0,
            released_ms: None,
            how,
            previous,
            after_ms,
        }
    }

    #[test]
    fn a_hand_over_says_from_whom_and_how_closely_it_is_known() {
        let said =
            |how, previous, after| hand_over(&term(how, previous, after)).replace('\u{a0}', " ");
        assert_eq!(said(HandOver::Released, Some(8), Some(81)), "81 ms, from 8");
        assert_eq!(
            said(HandOver::Died, Some(8), Some(1_400)),
            "at most 1.4 seconds, from 8, which died"
        );
        assert_eq!(said(HandOver::Free, None, None), "at once: nobody had it");
        assert_eq!(
            said(HandOver::Unrecorded, None, Some(50)),
            "at most 50 ms, from a release that keeps no record"
        );
    }

    #[test]
    fn an_overlap_is_told_from_either_side() {
        let overlap = Overlap {
            older: 8,
            newer: 9,
            began_ms: 1_000,
            last_ms: 43_000,
            older_requests: Some(1_200),
            newer_requests: None,
        };
        let said = |number| beside(number, &overlap).replace('\u{a0}', " ");
        assert_eq!(
            said(8),
            "9 for 42 seconds: 1,200 requests here, not counted there"
        );
        assert_eq!(said(9), "8 for 42 seconds: not counted here, 1,200 there");
    }
}
