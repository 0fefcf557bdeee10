//! The limit of encoding by looking up: for each pretoken a key, a hash, a probe and a store, and nothing else.
//!
//! Where pretokens end is given, and the table holds the ids of all there is room for before the clock starts. So this
//! is what an encoder could reach whose split costs nothing and whose cache knows every text; what it does reach is told
//! as a share of it. A pretoken that the table cannot hold, for it has over 15 bytes or its two slots are taken, costs
//! its probe like any other and gives one id, or none; the line that is printed says how many there are.
//!
//! `BYTESTRIDE_TEXT` is the path of a text, whose documents end with `<|endoftext|>`; by default it is made up.
//! `BYTESTRIDE_VOCABULARY` is that of a tokenizer, with `BYTESTRIDE_PATTERN` if it is a rank file; by default it is
//! learned from the text.

mod made_up;

use std::collections::HashMap;
use std::env;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use bytemuck::{Pod, Zeroable};
use bytestride_core::Monitor;
use bytestride_core::count::{CountOptions, Counter};
use bytestride_core::encode::files::LoadOptions;
use bytestride_core::encode::{EncodeOptions, Tokenizer};
use bytestride_core::merge::{MergeOptions, learn};
use bytestride_core::split::{Pattern, Splitter};
use memchr::memmem;
use memmap2::MmapMut;

const END: &[u8] = b"<|endoftext|>";
const KEY_BYTES: usize = 15;
const LANES: usize = 4;
/// Of 64 bytes each, 16 MiB in all; 0.2 % of the pretokens of 100 MB of books find no room there.
const BUCKETS: usize = 1 << 18;
/// How many pretokens' slots are on their way into the cache at once.
const BLOCK: usize = 256;
const PASSES: usize = 9;

/// A pretoken's bytes, and in the highest byte its length.
type Key = u128;

/// The key of every pretoken that is too long for one: no other has length 0.
const LONG: Key = 1;

/// The bits of so many bytes.
const BITS: [Key; KEY_BYTES + 1] = {
    let mut bits = [0; KEY_BYTES + 1];
    let mut length = 1;
    while length <= KEY_BYTES {
        bits[length] = u128::MAX >> (128 - 8 * length);
        length += 1;
    }
    bits
};

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Slot {
    key: Key,
    /// The ids, which have 24 bits; the highest byte says how many of them are used.
    lanes: u128,
}

impl Slot {
    fn new(key: Key, ids: &[u32]) -> Self {
        let lanes = ids.iter().rev().fold(0, |lanes, &id| lanes << 32 | u128::from(id));
        Self { key, lanes: lanes | (ids.len() as u128) << 120 }
    }

    #[inline(always)]
    fn ids(&self) -> [u32; LANES] {
        bytemuck::must_cast(self.lanes & (u128::MAX >> 8))
    }

    #[inline(always)]
    fn used(&self) -> usize {
        (self.lanes >> 120) as usize
    }
}

/// Two slots in one cache line.
type Bucket = [Slot; 2];

/// Of a size that is known, so that no place needs to be checked.
type Table = [Bucket; BUCKETS];

fn main() {
    let text = Text::new();
    let mut memory = MmapMut::map_anon(BUCKETS * size_of::<Bucket>()).expect("16 MiB");
    #[cfg(target_os = "linux")]
    memory.advise(memmap2::Advice::HugePage).ok();
    let buckets: &mut [Bucket] = bytemuck::cast_slice_mut(&mut memory);
    let table: &mut Table = buckets.try_into().expect("the memory of one table");
    let (expected, left_out) = fill(table, &text);
    let mut ids = vec![0; expected.len() + LANES];
    let mut pass = || -> Duration {
        let began = Instant::now();
        let filled = look_up(table, black_box(&text.bytes), &text.ends, &mut ids);
        let time = began.elapsed();
        assert!(ids[..filled] == expected, "the ids are those that were stored");
        time
    };
    let mut times = [(); PASSES].map(|()| pass());
    times.sort_unstable();
    let (seconds, pretokens) = (times[PASSES / 2].as_secs_f64(), text.ends.len() as f64);
    println!(
        "{:.0} MB/s, {:.2} ns a pretoken; {:.1} MB, {:.1} bytes a pretoken, {:.2} % too long, {:.2} % left out",
        text.size as f64 / seconds / 1e6,
        seconds * 1e9 / pretokens,
        text.size as f64 / 1e6,
        text.size as f64 / pretokens,
        text.long as f64 / pretokens * 100.0,
        left_out as f64 / pretokens * 100.0,
    );
}

/// What is measured: all pretokens give their ids, a block at a time; returns how many ids there are.
#[inline(never)]
fn look_up(table: &Table, text: &[u8], ends: &[u32], ids: &mut [u32]) -> usize {
    let (mut keys, mut places) = ([LONG; BLOCK], [0; BLOCK]);
    let (mut start, mut filled) = (0, 0);
    for block in ends.chunks(BLOCK) {
        for ((&end, key), place) in block.iter().zip(&mut keys).zip(&mut places) {
            *key = key_of(text, start, end as usize - start);
            *place = place_of(*key);
            prefetch(&table[*place as usize % BUCKETS]);
            start = end as usize;
        }
        for (&key, &place) in keys[..block.len()].iter().zip(&places) {
            let bucket = &table[place as usize % BUCKETS];
            let slot = &bucket[usize::from(bucket[1].key == key)];
            ids[filled..filled + LANES].copy_from_slice(&slot.ids());
            filled += if slot.key == key { slot.used() } else { 0 };
        }
    }
    filled
}

/// The key of the pretoken that starts at `start`; behind it there is room to read on.
#[inline(always)]
fn key_of(text: &[u8], start: usize, length: usize) -> Key {
    let bytes: [u8; 16] = text[start..start + 16].try_into().expect("sixteen bytes");
    if length > KEY_BYTES {
        return LONG;
    }
    u128::from_le_bytes(bytes) & BITS[length] | (length as Key) << 120
}

/// The bucket of a key: the upper bits of a product of each half.
#[inline(always)]
fn place_of(key: Key) -> u32 {
    let low = (key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let high = ((key >> 64) as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (low.wrapping_add(high) >> (64 - BUCKETS.ilog2())) as u32
}

/// Asks for a cache line ahead of its use.
#[inline(always)]
#[cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "the instruction takes a pointer"))]
fn prefetch(bucket: &Bucket) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching has no effect but on time, whatever the address; this one is a reference's.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(bucket).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bucket;
}

/// Stores the ids of each pretoken as long as there is room, the first come first; returns the ids that looking all of
/// them up gives, and how many pretokens were left out.
fn fill(table: &mut Table, text: &Text) -> (Vec<u32>, usize) {
    let mut known: HashMap<Key, Option<Slot>> = HashMap::new();
    let (mut expected, mut left_out, mut start) = (Vec::new(), 0, 0);
    for &end in &text.ends {
        let key = key_of(&text.bytes, start, end as usize - start);
        let pretoken = &text.bytes[start..end as usize];
        let slot = known.entry(key).or_insert_with(|| {
            let free = table[place_of(key) as usize].iter_mut().find(|slot| slot.key == 0)?;
            *free = Slot::new(key, &first_ids(&text.tokenizer, key, pretoken));
            Some(*free)
        });
        match slot {
            Some(slot) => expected.extend_from_slice(&slot.ids()[..slot.used()]),
            None => left_out += 1,
        }
        start = end as usize;
    }
    (expected, left_out)
}

/// The first ids of a pretoken: four, or one where the key is not its own.
fn first_ids(tokenizer: &Tokenizer, key: Key, pretoken: &[u8]) -> Vec<u32> {
    let mut ids = tokenizer.encode(pretoken, &EncodeOptions::default(), 1).expect("no runaway").into_vec();
    ids.truncate(if key == LONG { 1 } else { LANES });
    ids
}

/// A text without its separators, and where its pretokens end.
struct Text {
    tokenizer: Tokenizer,
    /// Sixteen bytes longer than `size`, so that every pretoken can be read as sixteen bytes.
    bytes: Vec<u8>,
    size: usize,
    ends: Vec<u32>,
    long: usize,
}

impl Text {
    fn new() -> Self {
        let file = env::var_os("BYTESTRIDE_TEXT").map(|path| std::fs::read(path).expect("a readable text"));
        let file = file.unwrap_or_else(made_up::text);
        let tokenizer = tokenizer(&file);
        let (mut bytes, mut ends) = (Vec::with_capacity(file.len() + 16), Vec::new());
        let (mut long, mut start) = (0, 0);
        let borders = memmem::find_iter(&file, END).map(|found| (found, found + END.len()));
        for (end, next) in borders.chain([(file.len(), file.len())]) {
            let document = &file[start..end];
            let visit = |pretoken: &[u8]| {
                bytes.extend_from_slice(pretoken);
                ends.push(u32::try_from(bytes.len()).expect("at most 4 GiB"));
                long += usize::from(pretoken.len() > KEY_BYTES);
            };
            tokenizer.splitter().for_each(document, visit).expect("no runaway");
            start = next;
        }
        let size = bytes.len();
        bytes.resize(size + 16, 0);
        Self { tokenizer, bytes, size, ends, long }
    }
}

/// The tokenizer that the environment names, or one of the text's own.
fn tokenizer(text: &[u8]) -> Tokenizer {
    let pattern = env::var("BYTESTRIDE_PATTERN").ok().filter(|pattern| !pattern.is_empty());
    if let Some(path) = env::var_os("BYTESTRIDE_VOCABULARY") {
        let pattern = pattern.map(|pattern| Pattern::new(Some(&pattern)));
        let options = LoadOptions { pattern, ..LoadOptions::default() };
        return Tokenizer::load(Path::new(&path), &options).expect("a tokenizer");
    }
    let pattern = Pattern::new(Some(pattern.as_deref().unwrap_or("o200k")));
    let mut counter = Counter::new(Splitter::new(&pattern).expect("a pattern"), CountOptions::default());
    counter.count(&[text], &Monitor::default()).expect("no runaway");
    let options = MergeOptions {
        merges: Some(4000),
        min_frequency: 2,
        max_token_bytes: None,
        special_tokens: Vec::new(),
        threads: 1,
    };
    let counts = counter.finish(&Monitor::default()).expect("small counts");
    let merges = learn(&counts, &options, &Monitor::default()).expect("not interrupted");
    Tokenizer::from_merges(pattern, &merges, &[]).expect("merges just learned")
}
