//! The pairs in the words, each with a list of the places where it stands.
//!
//! Two passes over the words: one to count, one to fill lists of exactly the right size. The words are in parts, and a
//! thread works on each. In a list the places of an earlier part come before those of a later one, so the places ascend
//! however many parts there are.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

use crate::map_in_order;
use crate::merge::cell::{Cell, Listed, Place};
use crate::merge::pairs::{self, Pair};
use crate::merge::symbols::Symbols;

/// Calls `add` with each pair that `is_listed`, and replaces `places` by the lists of their places.
pub(super) fn list_pairs<C: Cell>(
    symbols: &Symbols<C>,
    places: &mut Vec<Listed<C>>,
    is_listed: impl Fn(&Pair) -> bool,
    mut add: impl FnMut(Pair),
) {
    *places = Vec::new();
    let mut seen = map_in_order(symbols.parts(), symbols.parts(), |part| Seen::in_part(symbols, part));
    let Some((all, others)) = seen.split_first_mut() else { return };
    for pair in others.iter().flat_map(|part| &part.pairs) {
        all.add(pair.left, pair.right, pair.count, pair.places);
    }
    let mut end = 0;
    for pair in &mut all.pairs {
        let is_listed = is_listed(pair);
        if is_listed {
            add(Pair { start: end, ..*pair });
            end += pair.places;
        }
        pair.start = if is_listed { end } else { NOT_LISTED };
    }
    all.share_lists(others);
    places.resize_with(end, Listed::<C>::default);
    let seen: Vec<Mutex<Seen>> = seen.into_iter().map(Mutex::new).collect();
    map_in_order(seen.len(), seen.len(), |part| {
        seen[part].lock().unwrap_or_else(PoisonError::into_inner).put_places(symbols, part, places);
    });
}

/// In [`Pair::start`]: the pair has no list.
const NOT_LISTED: usize = usize::MAX;

/// The pairs in one part of the words, in the order in which they were met first. In the end the start of each is where
/// the first of its places in this part goes in the lists.
#[derive(Default)]
struct Seen {
    numbers: Numbers,
    pairs: Vec<Pair>,
}

impl Seen {
    /// All pairs in one part of the words.
    fn in_part<C: Cell>(symbols: &Symbols<C>, part: usize) -> Self {
        let mut seen = Self::default();
        symbols.for_each_pair(part, |left, right, _, weight| seen.add(left, right, weight, 1));
        seen
    }

    #[inline(always)]
    fn add(&mut self, left: u32, right: u32, count: u64, places: usize) {
        let number = self.numbers.of(left, right);
        if number == self.pairs.len() {
            self.pairs.push(Pair { left, right, count: 0, start: 0, places: 0 });
        }
        let pair = &mut self.pairs[number];
        pair.count += count;
        pair.places += places;
    }

    /// Gives each of the later parts its share of each list, from the end of the list backwards; so what is left for
    /// this part, the first, starts where the list does. Before that, the start of a pair here is the end of its list.
    fn share_lists(&mut self, later: &mut [Self]) {
        for pair in later.iter_mut().rev().flat_map(|part| &mut part.pairs) {
            let number = self.numbers.of(pair.left, pair.right);
            pair.start = take_from_end(&mut self.pairs[number], pair.places);
        }
        for pair in &mut self.pairs {
            let rest = pair.places;
            take_from_end(pair, rest);
        }
    }

    /// Puts the places of `part`, whose pairs these are, into the lists, those of each pair from its start on.
    fn put_places<C: Cell>(&mut self, symbols: &Symbols<C>, part: usize, lists: &[Listed<C>]) {
        let Self { numbers, pairs } = self;
        let mut next: Vec<usize> = pairs.iter().map(|pair| pair.start).collect();
        symbols.for_each_pair(part, |left, right, place, _| {
            let next = &mut next[numbers.of(left, right)];
            if *next != NOT_LISTED {
                place.put(&lists[*next]);
                *next += 1;
            }
        });
    }
}

/// Takes `places` places from the end of what is left of a list, the end being the start of `list`; returns where they
/// start.
fn take_from_end(list: &mut Pair, places: usize) -> usize {
    list.places -= places;
    if list.start != NOT_LISTED {
        list.start -= places;
    }
    list.start
}

/// Numbers for pairs, in the order in which they are asked for first.
struct Numbers {
    /// The number of each pair of ids below 256, or [`UNNUMBERED`].
    small: Vec<u32>,
    others: HashMap<u64, u32, BuildHasherDefault<Spread>>,
    next: u32,
}

const UNNUMBERED: u32 = u32::MAX;

/// Hashes one number, that of a pair.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write_u64(&mut self, key: u64) {
        self.0 = pairs::spread(key);
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are single numbers");
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self { small: vec![UNNUMBERED; 1 << 16], others: HashMap::default(), next: 0 }
    }
}

impl Numbers {
    /// The number of a pair.
    #[inline(always)]
    fn of(&mut self, left: u32, right: u32) -> usize {
        if left | right < 256 {
            let number = self.small[(left << 8 | right) as usize];
            if number != UNNUMBERED {
                return number as usize;
            }
        }
        self.of_other(left, right)
    }

    /// The number of a pair that has none yet, or that has an id of 256 or more.
    #[inline(never)]
    fn of_other(&mut self, left: u32, right: u32) -> usize {
        let number = match left | right {
            ..256 => &mut self.small[(left << 8 | right) as usize],
            _ => self.others.entry(pairs::key(left, right)).or_insert(UNNUMBERED),
        };
        if *number == UNNUMBERED {
            *number = self.next;
            self.next += 1;
        }
        *number as usize
    }
}
