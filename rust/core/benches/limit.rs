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
use bytestride_core::count::Counter;
use bytestride_core::encode::files::LoadOptions;
use bytestride_core::encode::{EncodeOptions, Tokenizer};
use bytestride_core::merge::{MergeOptions, learn};
use bytestride_core::split::{Pattern, Splitter};
use memchr::memmem;
use memmap2::MmapMut;

const END: &[u8] = b"<|endoftext|>";
const KEY_BYTES: usize = 15;
const LANES: usize = 4;
/// Of 64 bytes each, 16 MiB in all: half as many leave out 0.9 % of the pretokens of 100 MB of books, not 0.3 %.
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
    /// The key; the four highest bits, which no length needs, say how many of the ids are used.
    key: Key,
    ids: [u32; LANES],
}

impl Slot {
    #[inline(always)]
    fn is_of(&self, key: Key) -> bool {
        (self.key ^ key) << 4 == 0
    }

    #[inline(always)]
    fn used(&self) -> usize {
        (self.key >> 124) as usize
    }
}

/// Two slots in one cache line.
type Bucket = [Slot; 2];

fn main() {
    let text = Text::new();
    let mut memory = MmapMut::map_anon(BUCKETS * size_of::<Bucket>()).expect("16 MiB");
    #[cfg(unix)]
    memory.advise(memmap2::Advice::HugePage).ok();
    let table: &mut [Bucket] = bytemuck::cast_slice_mut(&mut memory);
    let (expected, left_out) = fill(table, &text);
    let mut ids = vec![0; expected.len() + LANES];
    let mut times: Vec<Duration> = (0..PASSES)
        .map(|_| {
            let began = Instant::now();
            let filled = look_up(table, black_box(&text), &mut ids);
            let time = began.elapsed();
            assert!(ids[..filled] == expected, "the ids are those that were stored");
            time
        })
        .collect();
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
fn look_up(table: &[Bucket], text: &Text, ids: &mut [u32]) -> usize {
    let mut ahead = [(LONG, 0); BLOCK];
    let (mut start, mut filled) = (0, 0);
    for block in text.ends.chunks(BLOCK) {
        for (ahead, &end) in ahead.iter_mut().zip(block) {
            let key = key_of(&text.bytes, start, end as usize - start);
            let place = place_of(key, table.len());
            prefetch(&table[place]);
            *ahead = (key, place);
            start = end as usize;
        }
        for &(key, place) in &ahead[..block.len()] {
            let bucket = &table[place];
            let slot = &bucket[usize::from(bucket[1].is_of(key))];
            ids[filled..filled + LANES].copy_from_slice(&slot.ids);
            filled += if slot.is_of(key) { slot.used() } else { 0 };
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

/// The bucket of a key, by one multiplication of its halves.
#[inline(always)]
fn place_of(key: Key, buckets: usize) -> usize {
    let (low, high) = (key as u64 ^ 0x9E37_79B9_7F4A_7C15, (key >> 64) as u64 ^ 0xD1B5_4A32_D192_ED03);
    let product = u128::from(low) * u128::from(high);
    (product as u64 ^ (product >> 64) as u64) as usize & (buckets - 1)
}

/// Asks for a cache line ahead of its use.
#[inline(always)]
#[expect(unsafe_code, reason = "the instruction takes a pointer")]
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
fn fill(table: &mut [Bucket], text: &Text) -> (Vec<u32>, usize) {
    let mut known: HashMap<Key, Option<Slot>> = HashMap::new();
    let (mut expected, mut left_out, mut start) = (Vec::new(), 0, 0);
    for &end in &text.ends {
        let key = key_of(&text.bytes, start, end as usize - start);
        let pretoken = &text.bytes[start..end as usize];
        let slot = known.entry(key).or_insert_with(|| {
            let bucket = &mut table[place_of(key, BUCKETS)];
            let free = bucket.iter_mut().find(|slot| slot.key == 0)?;
            *free = slot_of(&text.tokenizer, key, pretoken);
            Some(*free)
        });
        match slot {
            Some(slot) => expected.extend_from_slice(&slot.ids[..slot.used()]),
            None => left_out += 1,
        }
        start = end as usize;
    }
    (expected, left_out)
}

/// The first ids of a pretoken: four, or one where the key is not its own.
fn slot_of(tokenizer: &Tokenizer, key: Key, pretoken: &[u8]) -> Slot {
    let mut ids = tokenizer.encode(pretoken, &EncodeOptions::default(), 1).expect("no runaway");
    ids.truncate(if key == LONG { 1 } else { LANES });
    let used = ids.len() as Key;
    ids.resize(LANES, 0);
    Slot { key: key | used << 124, ids: ids.try_into().expect("four ids") }
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
    let mut counter = Counter::new(Splitter::new(&pattern).expect("a pattern"), 1);
    counter.count(&[text], &Monitor::default()).expect("no runaway");
    let options = MergeOptions { merges: Some(4000), min_frequency: 2, max_token_bytes: None, threads: 1 };
    let counts = counter.finish().expect("small counts");
    let merges = learn(&counts, &options, &Monitor::default()).expect("not interrupted");
    Tokenizer::from_merges(pattern, &merges, &[]).expect("merges just learned")
}
