//! Rows by the room that is left in them: finds the fullest row that still takes a piece.
//!
//! Rows with the same room form a stack. One bit for each room says whether a row has it, and above each 64 bits one
//! bit says whether any of them is set, level by level: the next set bit is found in one step for each level up and
//! down.

/// No row.
const NONE: u32 = u32::MAX;

/// Rows of one length, with the room that is left in each.
#[derive(Debug)]
pub(super) struct Rooms {
    length: u32,
    /// The bits of each level; the last has one word.
    levels: Vec<Vec<u64>>,
    /// The last row of each room.
    tops: Vec<u32>,
    /// For each row the one below it in its stack.
    below: Vec<u32>,
}

impl Rooms {
    /// No rows yet; each will have room for `length`. Takes some 4 bytes for each possible room.
    pub(super) fn new(length: u32) -> Self {
        let mut bits = length as usize + 1;
        let mut levels = Vec::new();
        while levels.is_empty() || bits > 1 {
            bits = bits.div_ceil(64);
            levels.push(vec![0; bits]);
        }
        Self { length, levels, tops: vec![NONE; length as usize + 1], below: Vec::new() }
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.below.len()
    }

    /// Places a piece of `length`, at most a row's, in the fullest row with room for it, else in a new one; returns it.
    pub(super) fn place(&mut self, length: u32) -> u32 {
        let (row, room) = match self.least(length) {
            Some(room) => (self.pop(room), room),
            None => {
                self.below.push(NONE);
                (self.below.len() as u32 - 1, self.length)
            }
        };
        self.push(row, room - length);
        row
    }

    /// The least room, of at least `length`, that a row has.
    fn least(&self, length: u32) -> Option<u32> {
        let mut from = length as usize;
        for (level, words) in self.levels.iter().enumerate() {
            let bits = words.get(from / 64)? & (u64::MAX << (from % 64));
            if bits != 0 {
                let found = from / 64 * 64 + bits.trailing_zeros() as usize;
                let lower = self.levels[..level].iter().rev();
                let room = lower.fold(found, |word, words| word * 64 + words[word].trailing_zeros() as usize);
                return Some(room as u32);
            }
            from = from / 64 + 1;
        }
        None
    }

    fn push(&mut self, row: u32, room: u32) {
        self.below[row as usize] = std::mem::replace(&mut self.tops[room as usize], row);
        let mut bit = room as usize;
        for words in &mut self.levels {
            words[bit / 64] |= 1 << (bit % 64);
            bit /= 64;
        }
    }

    /// Takes the last row of `room`, which has one.
    fn pop(&mut self, room: u32) -> u32 {
        let row = self.tops[room as usize];
        self.tops[room as usize] = self.below[row as usize];
        if self.tops[room as usize] == NONE {
            let mut bit = room as usize;
            for words in &mut self.levels {
                words[bit / 64] &= !(1 << (bit % 64));
                if words[bit / 64] != 0 {
                    break;
                }
                bit /= 64;
            }
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_row_is_found_among_many_rooms() {
        let length = 300_000;
        let mut rooms = Rooms::new(length);
        assert_eq!(rooms.levels.len(), 4);
        let mut room_of: Vec<u32> = Vec::new();
        for step in 0..3_000_u64 {
            let piece = (step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u32 % length + 1;
            let best = room_of.iter().copied().filter(|&room| room >= piece).min();
            let row = rooms.place(piece) as usize;
            match best {
                Some(room) => assert_eq!(room_of[row], room),
                None => {
                    assert_eq!(row, room_of.len());
                    room_of.push(length);
                }
            }
            room_of[row] -= piece;
        }
        assert_eq!(rooms.rows(), room_of.len());
    }

    #[test]
    fn a_full_row_takes_no_more() {
        let mut rooms = Rooms::new(1);
        assert_eq!([rooms.place(1), rooms.place(1)], [0, 1]);
    }
}
