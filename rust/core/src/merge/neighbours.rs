//! The tokens met next to a token just made, each with how often and where.
//!
//! A merge creates new pairs only with the token that it makes, so a plain array by neighbour finds them without
//! hashing.

use std::ops::Range;

use crate::merge::cell::Place;

/// The entry in `index_of` of a token that was not met.
const NONE: u32 = u32::MAX;
/// The entry in `ends` of a neighbour whose places are not kept.
const DROPPED: usize = usize::MAX;

/// One neighbour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neighbour {
    pub(super) token: u32,
    /// How often it was met, each time with the weight of the word.
    pub(super) count: u64,
    /// In how many places it was met.
    pub(super) places: usize,
}

/// The neighbours on one side, in the order in which they were met.
#[derive(Debug)]
pub(super) struct Neighbours<P> {
    /// By token: its place in `met`, or [`NONE`].
    index_of: Vec<u32>,
    met: Vec<Neighbour>,
    /// Every place, with the place in `met` of its neighbour.
    places: Vec<(u32, P)>,
    /// Used by `drain`: where the next place of each neighbour goes.
    ends: Vec<usize>,
}

impl<P: Place> Neighbours<P> {
    pub(super) fn new() -> Self {
        Self { index_of: Vec::new(), met: Vec::new(), places: Vec::new(), ends: Vec::new() }
    }

    /// The neighbours met so far.
    pub(super) fn met(&self) -> &[Neighbour] {
        &self.met
    }

    /// The neighbour `token`, if it was met.
    pub(super) fn get_mut(&mut self, token: u32) -> Option<&mut Neighbour> {
        let index = *self.index_of.get(token as usize)?;
        self.met.get_mut(index as usize)
    }

    /// Makes room for tokens up to `last`.
    pub(super) fn make_room(&mut self, last: u32) {
        self.index_of.resize(self.index_of.len().max(last as usize + 1), NONE);
    }

    /// Notes that `token`, for which there is room, was met at `place`, in a word that counts `weight`; returns whether
    /// it was met for the first time.
    #[inline(always)]
    pub(super) fn add(&mut self, token: u32, weight: u64, place: P) -> bool {
        let index = &mut self.index_of[token as usize];
        let is_first = *index == NONE;
        if is_first {
            *index = self.met.len() as u32;
            self.met.push(Neighbour { token, count: 0, places: 0 });
        }
        let neighbour = &mut self.met[*index as usize];
        neighbour.count += weight;
        neighbour.places += 1;
        self.places.push((*index, place));
        is_first
    }

    /// Puts the places of each neighbour that `keep` accepts into `lists`, in the order in which they were added, and calls
    /// `emit` with the neighbour and where in `lists` its places start. Forgets everything.
    ///
    /// What fits goes into the part that is `free`, the rest to the end.
    pub(super) fn drain(
        &mut self,
        lists: &mut Vec<P::Listed>,
        free: &mut Range<usize>,
        keep: impl Fn(&Neighbour) -> bool,
        mut emit: impl FnMut(&Neighbour, usize),
    ) {
        let mut end = lists.len();
        for neighbour in &self.met {
            self.index_of[neighbour.token as usize] = NONE;
            if keep(neighbour) {
                let next = if neighbour.places <= free.len() { &mut free.start } else { &mut end };
                emit(neighbour, *next);
                self.ends.push(*next);
                *next += neighbour.places;
            } else {
                self.ends.push(DROPPED);
            }
        }
        lists.resize_with(end, P::Listed::default);
        for &(index, place) in &self.places {
            let next = &mut self.ends[index as usize];
            if *next != DROPPED {
                place.put(&lists[*next]);
                *next += 1;
            }
        }
        self.met.clear();
        self.places.clear();
        self.ends.clear();
    }
}
