//! The pipeline with a tokenizer so simple that the expected ids are plain, yet one that sees where texts are cut:
//! each pretoken gives its length and then its bytes.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use tempfile::TempDir;

use crate::Place;
use crate::split::Pattern;

use super::super::budget::{MEMORY_PER_DOCUMENT_BYTE, SMALLEST_LIMIT};
use super::super::manifest::Source;
use super::super::{merge_stores, with_suffix};
use super::*;
use crate::text::OnError;

struct LengthThenBytes {
    splitter: Splitter,
    max_id: u32,
}

impl LengthThenBytes {
    fn new(pattern: Option<&str>) -> Self {
        Self { splitter: Splitter::new(&Pattern::new(pattern)).expect("a valid pattern"), max_id: 65_535 }
    }

    fn encode(&self, text: &[u8]) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        self.splitter.for_each(text, |pretoken| {
            ids.push(pretoken.len() as u32);
            ids.extend(pretoken.iter().map(|&byte| u32::from(byte)));
        })?;
        Ok(ids)
    }
}

impl TextEncoder for LengthThenBytes {
    fn cutter(&self) -> &Splitter {
        &self.splitter
    }

    fn max_id(&self) -> u32 {
        self.max_id
    }

    fn fingerprint(&self) -> &'static str {
        "a fingerprint"
    }

    fn encode_into(&self, texts: &[(&[u8], &TextOptions)], buffer: &mut IdBuffer) -> Result<Vec<usize>> {
        let encode = |(text, options): &(&[u8], &TextOptions)| {
            Ok([options.bos.as_slice(), &self.encode(text)?, options.eos.as_slice()].concat())
        };
        let texts = texts.iter().map(encode).collect::<Result<Vec<_>>>()?;
        Ok(buffer.fill(&texts))
    }
}

/// A folder with a folder `in` of files.
fn folder_with(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("in")).expect("a writable folder");
    for (name, bytes) in files {
        fs::write(folder.path().join("in").join(name), bytes).expect("a writable folder");
    }
    folder
}

fn encode(folder: &TempDir, tokenizer: &LengthThenBytes, options: &EncodeOptions) -> Result<TokenStore> {
    let inputs = [folder.path().join("in").display().to_string()];
    encode_with(tokenizer, &inputs, &folder.path().join("out"), options, &Monitor::default())
}

fn written_files(folder: &TempDir) -> Vec<Vec<u8>> {
    let read = |suffix: &str| fs::read(PathBuf::from(format!("{}/out{suffix}", folder.path().display())));
    [".bin", ".idx", ".json"].map(|suffix| read(suffix).expect("it is written")).to_vec()
}

/// Texts of documents with `separator` between them.
fn separated(separator: &[u8]) -> FileOptions {
    FileOptions { separator: Some(separator.to_vec()), ..FileOptions::default() }
}

/// What cannot be read is left out.
fn skipping() -> FileOptions {
    FileOptions { on_error: OnError::Skip, ..FileOptions::default() }
}

/// The least memory allowed, for batches as small as can be.
fn small() -> EncodeOptions {
    let budget = Budget { max_memory: SMALLEST_LIMIT * MEMORY_PER_DOCUMENT_BYTE, threads: 1 };
    EncodeOptions { budget, ..EncodeOptions::default() }
}

#[test]
fn documents_of_all_inputs_are_framed_and_accounted_for() {
    let folder = folder_with(&[
        ("a.txt", b"one two;;three"),
        ("b.jsonl", b"{\"text\": \"four\"}\n{\"text\": \"\"}\n"),
        ("c.txt", b""),
        ("d.txt", b"five"),
    ]);
    let options = EncodeOptions { files: separated(b";"), bos: 1_000.into(), eos: 1_001.into(), ..small() };
    let tokenizer = LengthThenBytes::new(Some("gpt2"));
    let store = encode(&folder, &tokenizer, &options).expect("good inputs");
    let framed =
        |text: &[u8]| [&[1_000], &tokenizer.encode(text).expect("no runaway")[..], &[1_001]].concat();
    let expected = [&b"one two"[..], b"", b"three", b"four", b"", b"five"].map(framed);
    let documents: Vec<_> =
        (0..store.len()).map(|index| store.document(index).expect("it exists").to_vec()).collect();
    assert_eq!(documents, expected);
    let manifest = store.manifests().next().expect("it is written");
    let counts = |source: &Source| (source.bytes, source.documents, source.tokens);
    let sources: Vec<_> = manifest.sources.iter().map(counts).collect();
    assert_eq!(sources, [(Some(14), 3, 21), (Some(30), 2, 9), (Some(0), 0, 0), (Some(4), 1, 7)]);
    assert_eq!(
        (&manifest.bos, &manifest.eos, manifest.tokens, manifest.documents),
        (&1_000.into(), &1_001.into(), 37, 6)
    );
    assert_eq!(store.fingerprint(), Some("a fingerprint"));
    store.verify(&Monitor::default()).expect("the checksums are right");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_files_are_the_same_on_any_number_of_threads_and_with_any_memory(
        words in prop::collection::vec("[a-z]{1,8}|é!|\n|<e>|[0-9]{1,5}", 1..3_000), repeat in 1_usize..40,
    ) {
        let text = words.join(" ").repeat(repeat);
        let folder = folder_with(&[("a.txt", text.as_bytes()), ("b.txt", text.as_bytes())]);
        let tokenizer = LengthThenBytes::new(Some("gpt2"));
        for separator in [None, Some(b"<e>".to_vec())] {
            let documents: Vec<&str> = match separator {
                None => vec![&text],
                Some(_) => text.split("<e>").collect(),
            };
            let kept = if documents.last() == Some(&"") { documents.len() - 1 } else { documents.len() };
            let one: Vec<u32> =
                documents[..kept].iter().flat_map(|text| tokenizer.encode(text.as_bytes()).expect("ids")).collect();
            let files = FileOptions { separator, ..FileOptions::default() };
            let options = EncodeOptions { files, ..small() };
            if one.is_empty() {
                // Nothing but separators, which is no text.
                let error = encode(&folder, &tokenizer, &options).expect_err("no text").to_string();
                prop_assert!(error.contains("a.txt: it holds no text, nor do the 1 other inputs"), "{error}");
                continue;
            }
            let store = encode(&folder, &tokenizer, &options).expect("good inputs");
            prop_assert_eq!(store.tokens().expect("one shard").to_vec(), one.repeat(2));
            prop_assert_eq!(store.len(), 2 * kept);
            let files = written_files(&folder);
            let options = EncodeOptions { budget: Budget { threads: 3, max_memory: 1 << 30 }, ..options };
            encode(&folder, &tokenizer, &options).expect("good inputs");
            prop_assert!(files == written_files(&folder));
        }
    }
}

#[test]
fn the_type_is_chosen_by_the_largest_id_there_may_be() {
    let folder = folder_with(&[("a.txt", b"text")]);
    let mut tokenizer = LengthThenBytes::new(None);
    let dtype = |tokenizer: &LengthThenBytes, options| {
        encode(&folder, tokenizer, &options).map(|store| store.dtype())
    };
    assert_eq!(dtype(&tokenizer, small()).expect("good"), Dtype::U16);
    assert_eq!(dtype(&tokenizer, EncodeOptions { eos: 65_536.into(), ..small() }).expect("good"), Dtype::U32);
    tokenizer.max_id = 65_536;
    assert_eq!(dtype(&tokenizer, small()).expect("good"), Dtype::U32);
    // Before anything is encoded, and whether such an id comes or not.
    for (max_id, eos) in [(65_536, None), (65_535, Some(65_536))] {
        tokenizer.max_id = max_id;
        let options = EncodeOptions { dtype: Some(Dtype::U16), eos: eos.into(), ..small() };
        let error = dtype(&tokenizer, options).expect_err("it does not fit").to_string();
        assert!(error.contains("id 65536 does not fit in uint16"), "{error}");
    }
}

#[test]
fn inputs_without_text_are_an_error() {
    let folder = folder_with(&[("a.txt", b""), ("b.jsonl", b"{\"text\": \"\"}")]);
    let error = encode(&folder, &LengthThenBytes::new(None), &small()).expect_err("no text").to_string();
    assert!(error.contains("a.txt: it holds no text, nor do the 1 other inputs"), "{error}");
    let options = EncodeOptions { bos: 5.into(), ..small() };
    assert_eq!(encode(&folder, &LengthThenBytes::new(None), &options).expect("one id").len(), 1);
}

#[test]
fn a_failure_in_any_stage_leaves_the_folder_as_it_was() {
    let long = "words ".repeat(100_000);
    let folder = folder_with(&[("a.txt", long.as_bytes()), ("b.jsonl", b"broken")]);
    let left = || fs::read_dir(folder.path()).expect("readable").count();
    let tokenizer = LengthThenBytes::new(Some("gpt2"));
    let small = || EncodeOptions { resume: Resume::Restart, ..small() };
    let reading = encode(&folder, &tokenizer, &small());
    assert!(matches!(reading, Err(Error::Malformed { place: Place::Line(1), .. })));
    assert_eq!(left(), 1);
    let writing = encode(&folder, &tokenizer, &EncodeOptions { bos: (1 << 31).into(), ..small() });
    assert!(matches!(writing, Err(Error::Argument { name: "dtype", .. })), "{writing:?}");
    assert_eq!(left(), 1);
    let monitor = Monitor::default();
    monitor.cancel();
    let inputs = [folder.path().join("in").display().to_string()];
    let stopped = encode_with(&tokenizer, &inputs, &folder.path().join("out"), &small(), &monitor);
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert_eq!(left(), 1);
}

/// Fails at a given text, as if the power went; until then it counts what it encodes.
struct Interrupted {
    tokenizer: LengthThenBytes,
    encoded: AtomicUsize,
    fails_after: usize,
}

impl TextEncoder for Interrupted {
    fn cutter(&self) -> &Splitter {
        &self.tokenizer.splitter
    }

    fn max_id(&self) -> u32 {
        self.tokenizer.max_id
    }

    fn fingerprint(&self) -> &'static str {
        "a fingerprint"
    }

    fn encode_into(&self, texts: &[(&[u8], &TextOptions)], buffer: &mut IdBuffer) -> Result<Vec<usize>> {
        let bytes = texts.iter().map(|(text, _)| text.len()).sum();
        if self.encoded.fetch_add(bytes, Ordering::SeqCst) + bytes > self.fails_after {
            return Err(Error::Interrupted);
        }
        self.tokenizer.encode_into(texts, buffer)
    }
}

/// Encodes until `fails_after` bytes of text have passed; also returns how many did.
fn encode_until(
    folder: &TempDir,
    options: &EncodeOptions,
    fails_after: usize,
) -> (Result<TokenStore>, usize) {
    let tokenizer =
        Interrupted { tokenizer: LengthThenBytes::new(Some("gpt2")), encoded: 0.into(), fails_after };
    let inputs = [folder.path().join("in").display().to_string()];
    let result = encode_with(&tokenizer, &inputs, &folder.path().join("out"), options, &Monitor::default());
    (result, tokenizer.encoded.into_inner())
}

/// A corpus of every kind of input, some of it broken.
fn mixed_corpus() -> TempDir {
    let lines: String = (0..9_000)
        .map(|line| match line % 50 {
            7 => "{\"broken\": 7}\n".to_owned(),
            8 => "\n".to_owned(),
            9 => format!("{{\"text\": \"{}\"}}\n", "long \u{e9}\u{1f600} \\n".repeat(20_000 / (line + 1))),
            _ => format!("{{\"text\": \"line {line} of 'em\"}}\n"),
        })
        .collect();
    let text: Vec<String> = (0..40_000)
        .map(|word| format!("word{} {}", word % 977, ["", "<e>"][usize::from(word % 900 == 0)]))
        .collect();
    let text = text.concat();
    let packed = |text: &str| zstd::encode_all(text.as_bytes(), 1).expect("memory takes all");
    let mut cut = packed(&text);
    cut.truncate(cut.len() / 2);
    folder_with(&[
        ("a.txt", text.as_bytes()),
        ("b.jsonl", lines.as_bytes()),
        ("c.txt.zst", &packed(&text)),
        ("d.txt.zst", &cut),
        ("e.jsonl.zst", &packed(&lines)),
        ("f.txt", b""),
    ])
}

fn mixed_options() -> EncodeOptions {
    let files = FileOptions { on_error: OnError::Skip, ..separated(b"<e>") };
    EncodeOptions { files, eos: 7.into(), ..small() }
}

#[test]
fn an_interrupted_run_goes_on_and_ends_with_the_same_files() {
    let folder = mixed_corpus();
    let (result, all) = encode_until(&folder, &mixed_options(), usize::MAX);
    let store = result.expect("what is broken is left out");
    let manifest = store.manifests().next().expect("it is written");
    let skipped: Vec<u64> = manifest.sources.iter().map(|source| source.skipped).collect();
    assert_eq!(skipped, [0, 180, 0, 1, 180, 0]);
    assert_eq!(manifest.skipped.len(), 361);
    assert!(manifest.skipped[0].contains("b.jsonl:8: no field \"text\""), "{}", manifest.skipped[0]);
    assert!(manifest.skipped[180].contains("d.txt.zst, byte "), "{}", manifest.skipped[180]);
    let expected = written_files(&folder);
    for step in [70_000, 200_000, 450_000] {
        let (mut encoded, mut runs) = (0, 0);
        loop {
            runs += 1;
            let budget = Budget { threads: 1 + runs % 3, ..small().budget };
            let options = EncodeOptions { budget, ..mixed_options() };
            let (result, bytes) = encode_until(&folder, &options, step);
            encoded += bytes;
            if result.is_ok() {
                break;
            }
            assert!(matches!(result, Err(Error::Interrupted)), "{result:?}");
            assert!(runs < 100, "it goes on");
        }
        assert!(written_files(&folder) == expected);
        assert!(runs > 2 && encoded < all + runs * 300_000, "{runs} runs encoded {encoded} of {all} bytes");
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 4, "no partial file is left");
    }
}

#[test]
fn partial_files_that_were_damaged_are_written_anew_from_there() {
    let folder = mixed_corpus();
    encode_until(&folder, &mixed_options(), usize::MAX).0.expect("what is broken is left out");
    let expected = written_files(&folder);
    let partial = |suffix: &str| folder.path().join(format!("out{suffix}.partial"));
    let cut = |suffix: &str, by: u64| {
        let file = fs::File::options().write(true).open(partial(suffix)).expect("it is kept");
        file.set_len(file.metadata().expect("it is there").len() - by).expect("a writable file");
    };
    let overwrite_at = |suffix: &str, percent: usize| {
        let mut bytes = fs::read(partial(suffix)).expect("it is kept");
        let place = bytes.len() * percent / 100;
        bytes[place] ^= 1;
        fs::write(partial(suffix), bytes).expect("a writable file");
    };
    let overwrite = |suffix: &str| overwrite_at(suffix, 50);
    let damages: [&dyn Fn(); 14] = [
        &|| cut(".bin", 1),
        &|| cut(".idx", 3),
        &|| cut(".journal", 5),
        &|| overwrite(".bin"),
        &|| overwrite_at(".bin", 0),
        &|| overwrite_at(".bin", 7),
        &|| overwrite_at(".bin", 23),
        &|| overwrite_at(".bin", 61),
        &|| overwrite_at(".bin", 88),
        &|| overwrite_at(".bin", 99),
        &|| overwrite(".idx"),
        &|| overwrite(".journal"),
        &|| fs::remove_file(partial(".idx")).expect("it is kept"),
        &|| fs::write(partial(".journal"), b"{}").expect("a writable file"),
    ];
    for damage in damages {
        encode_until(&folder, &mixed_options(), 600_000).0.expect_err("interrupted");
        damage();
        encode_until(&folder, &mixed_options(), usize::MAX).0.expect("it goes on or begins anew");
        assert!(written_files(&folder) == expected);
    }
}

#[test]
fn what_was_written_stays_when_going_on_fails() {
    let folder = mixed_corpus();
    encode_until(&folder, &mixed_options(), usize::MAX).0.expect("what is broken is left out");
    let expected = written_files(&folder);
    encode_until(&folder, &mixed_options(), 600_000).0.expect_err("interrupted");
    let written =
        |suffix: &str| fs::read(folder.path().join(format!("out{suffix}.partial"))).expect("it is kept");
    let before = [".bin", ".idx", ".journal"].map(written);
    let in_the_way = folder.path().join("out.journal.new.partial");
    fs::create_dir(&in_the_way).expect("a writable folder");
    encode_until(&folder, &mixed_options(), usize::MAX).0.expect_err("there is no room for the journal");
    let after = [".bin", ".idx", ".journal"].map(written);
    assert!(before.iter().zip(&after).all(|(before, after)| before.starts_with(after) && !after.is_empty()));
    fs::remove_dir(in_the_way).expect("a writable folder");
    let (result, encoded) = encode_until(&folder, &mixed_options(), usize::MAX);
    let all: usize = result.expect("it goes on").total_tokens() as usize;
    assert!(written_files(&folder) == expected);
    assert!(encoded > 0 && encoded < all, "{encoded} bytes were encoded again");
}

#[test]
fn work_of_another_job_is_not_gone_on_with() {
    let folder = mixed_corpus();
    let interrupt = || encode_until(&folder, &mixed_options(), 600_000).0.expect_err("interrupted");
    let (_, all) = encode_until(&folder, &mixed_options(), usize::MAX);
    interrupt();
    let (_, rest) = encode_until(&folder, &mixed_options(), usize::MAX);
    assert!(rest < all - 300_000, "the same job goes on");
    interrupt();
    let other = EncodeOptions { eos: 8.into(), ..mixed_options() };
    assert_eq!(encode_until(&folder, &other, usize::MAX).1, all, "other ids");
    interrupt();
    let anew = EncodeOptions { resume: Resume::Restart, ..mixed_options() };
    assert_eq!(encode_until(&folder, &anew, usize::MAX).1, all, "it is told to begin anew");
    interrupt();
    let first = folder.path().join("in/a.txt");
    let text = fs::read(&first).expect("it is there");
    fs::write(&first, [b"another ", &text[..]].concat()).expect("a writable file");
    assert_eq!(encode_until(&folder, &mixed_options(), usize::MAX).1, all + 8, "other text");
}

#[test]
fn broken_inputs_are_errors_unless_they_are_to_be_skipped() {
    let folder =
        folder_with(&[("a.jsonl", b"{\"text\": \"one\"}\n{\"no\": 1}\n"), ("b.txt.gz", b"not gzip")]);
    let tokenizer = LengthThenBytes::new(None);
    let error = encode(&folder, &tokenizer, &small()).expect_err("a broken line").to_string();
    assert!(error.contains("a.jsonl:2: no field \"text\""), "{error}");
    let options = EncodeOptions { files: skipping(), ..small() };
    let store = encode(&folder, &tokenizer, &options).expect("one good line");
    assert_eq!((store.len(), store.total_tokens()), (1, 4));
    let manifest = store.manifests().next().expect("it is written");
    assert_eq!(manifest.sources.iter().map(|source| source.skipped).collect::<Vec<_>>(), [1, 1]);
    assert!(manifest.skipped[1].contains("b.txt.gz, byte 0: the gzip data is"), "{:?}", manifest.skipped);
}

#[test]
fn shards_of_several_processes_merge_to_what_one_writes() {
    let folder = mixed_corpus();
    let tokenizer = LengthThenBytes::new(Some("gpt2"));
    let one = encode(&folder, &tokenizer, &mixed_options()).expect("what is broken is left out");
    let expected = written_files(&folder);
    let (ids, offsets) = (one.tokens().expect("one shard").to_vec(), one.offsets().to_vec());
    for suffix in [".bin", ".idx", ".json"] {
        fs::remove_file(folder.path().join(format!("out{suffix}"))).expect("it is there");
    }
    for world_size in [2, 4, 9] {
        for rank in (0..world_size).rev() {
            let options = EncodeOptions { share: Share { rank, world_size }, ..mixed_options() };
            encode(&folder, &tokenizer, &options).expect("what is broken is left out");
        }
        let shards = TokenStore::open(&folder.path().join("out")).expect("all shards are there");
        assert_eq!(shards.offsets(), offsets);
        assert_eq!(shards.shards().flat_map(|tokens| tokens.to_vec()).collect::<Vec<_>>(), ids);
        shards.verify(&Monitor::default()).expect("the checksums are right");
        let (prefix, paths) = (folder.path().join("merged/out"), [folder.path().join("out")]);
        fs::create_dir_all(folder.path().join("merged")).expect("a writable folder");
        merge_stores(&paths, &prefix, &Monitor::default()).expect("good shards");
        let merged = [".bin", ".idx", ".json"]
            .map(|suffix| fs::read(with_suffix(&prefix, suffix)).expect("it is written"));
        assert!(merged.to_vec() == expected);
        for path in
            fs::read_dir(folder.path()).expect("readable").map(|entry| entry.expect("readable").path())
        {
            if path.is_file() {
                fs::remove_file(path).expect("a writable folder");
            }
        }
    }
}

#[test]
fn shards_of_different_jobs_are_no_store() {
    let texts: [(&str, &[u8]); 4] =
        [("a.txt", b"1"), ("b.txt", b"22"), ("c.txt", b"333"), ("d.txt", b"4444")];
    let folder = folder_with(&texts);
    let shard = |rank, options| {
        let options = EncodeOptions { share: Share { rank, world_size: 2 }, ..options };
        encode(&folder, &LengthThenBytes::new(None), &options).expect("good text");
    };
    let prefix = folder.path().join("out");
    let message = || {
        let opened = TokenStore::open(&prefix).err().map(|error| error.to_string());
        let merged =
            merge_stores(std::slice::from_ref(&prefix), &folder.path().join("one"), &Monitor::default());
        assert_eq!(merged.err().map(|error| error.to_string()), opened);
        opened.unwrap_or_default()
    };
    (0..2).for_each(|rank| shard(rank, small()));
    assert_eq!(message(), "");
    for (options, difference) in [
        (EncodeOptions { eos: 9.into(), ..small() }, "eos is []; expected [9]"),
        (
            EncodeOptions {
                files: FileOptions { text_field: "body".to_owned(), ..FileOptions::default() },
                ..small()
            },
            "text_field is \"text\"; expected \"body\"",
        ),
        (EncodeOptions { files: separated(b"\n"), ..small() }, r#"separator is None; expected "\n""#),
        (EncodeOptions { files: skipping(), ..small() }, "on_error is raise; expected skip"),
    ] {
        shard(0, options);
        let expected = format!("out-00001-of-00002: a shard of another job: {difference}, as in ");
        assert!(message().contains(&expected), "{} is not {expected}", message());
        assert!(message().contains("out-00000-of-00002: encode again"), "{}", message());
    }
    for (change, difference) in [
        (("e.txt", &b"5"[..]), "the number of all inputs is 4; expected 5"),
        (("d.txt", b"444"), "the size of all inputs is 11 bytes; expected 10 bytes"),
        (("d.txt", b"4"), "the checksum of the names and sizes of all inputs is "),
    ] {
        (0..2).for_each(|rank| shard(rank, small()));
        assert_eq!(message(), "");
        fs::write(folder.path().join("in").join(change.0), change.1).expect("a writable folder");
        if difference.contains("checksum") {
            fs::write(folder.path().join("in/a.txt"), "333").expect("a writable folder");
        }
        shard(0, small());
        assert!(message().contains(difference), "{} is not {difference}", message());
    }
    // One that a process wrote alone has the name of a shard by its prefix only.
    let json = folder.path().join("out-00001-of-00002.json");
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(&json).expect("it is there")).expect("JSON");
    manifest.as_object_mut().expect("an object").remove("job").expect("it is there");
    fs::write(&json, manifest.to_string()).expect("a writable folder");
    assert!(
        message().contains("a store that one process wrote; expected a shard of several"),
        "{}",
        message()
    );
}

#[test]
fn shards_and_a_whole_store_of_one_name_are_not_written() {
    let folder = folder_with(&[("a.txt", b"text")]);
    let of_two = EncodeOptions { share: Share { rank: 0, world_size: 2 }, ..small() };
    let tokenizer = LengthThenBytes::new(None);
    let refused = |options: &EncodeOptions| {
        let left = fs::read_dir(folder.path()).expect("readable").count();
        let error = encode(&folder, &tokenizer, options).expect_err("the name is taken").to_string();
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), left);
        error
    };
    let bin = |name: &str| folder.path().join(format!("{name}.bin"));
    encode(&folder, &tokenizer, &small()).expect("good text");
    assert!(refused(&of_two).contains("out lies there whole"));
    fs::remove_file(bin("out")).expect("it is there");
    encode(&folder, &tokenizer, &of_two).expect("good text");
    assert!(refused(&small()).contains("out lies there in 2 shards"));
    encode(&folder, &tokenizer, &of_two).expect("it is replaced");
    fs::create_dir(folder.path().join("out")).expect("a writable folder");
    assert!(refused(&of_two).contains("out\" names a folder"));
}

#[test]
fn stores_that_are_damaged_or_do_not_fit_are_not_merged() {
    let folder = folder_with(&[("a.txt", b"some text"), ("b.txt", b"more")]);
    let tokenizer = LengthThenBytes::new(None);
    let part = |name: &str, eos: Option<u32>| {
        let inputs = [folder.path().join("in").join(name).display().to_string()];
        let prefix = folder.path().join(name);
        let options = EncodeOptions { eos: eos.into(), ..small() };
        encode_with(&tokenizer, &inputs, &prefix, &options, &Monitor::default()).expect("good text");
        prefix
    };
    let merge = |paths: &[PathBuf]| {
        let merged = merge_stores(paths, &folder.path().join("out"), &Monitor::default());
        merged.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let (one, other) = (part("a.txt", None), part("b.txt", Some(9)));
    assert!(merge(&[one.clone(), other]).contains("b.txt: documents stand between the ids [] and [9]"));
    let other = part("b.txt", None);
    let bin = with_suffix(&other, ".bin");
    let mut ids = fs::read(&bin).expect("it is there");
    ids[2] ^= 1;
    fs::write(&bin, &ids).expect("a writable folder");
    assert!(merge(&[one.clone(), other.clone()]).contains("b.txt.bin, byte 0: the checksum of the "));
    fs::remove_file(with_suffix(&other, ".json")).expect("it is there");
    assert!(merge(&[one, other]).contains("b.txt: there is no manifest"));
    assert!(!folder.path().join("out.bin").exists());
}

#[test]
fn too_little_memory_and_no_threads_are_errors() {
    let folder = folder_with(&[("a.txt", b"text")]);
    let tokenizer = LengthThenBytes::new(None);
    let error = encode(
        &folder,
        &tokenizer,
        &EncodeOptions { budget: Budget { max_memory: 1_000, threads: 1 }, ..small() },
    );
    assert!(matches!(error, Err(Error::Argument { name: "max_memory", .. })));
    let error = encode(
        &folder,
        &tokenizer,
        &EncodeOptions { budget: Budget { threads: 0, ..small().budget }, ..small() },
    );
    assert!(matches!(error, Err(Error::Argument { name: "threads", .. })));
}

#[test]
fn progress_reaches_its_total() {
    let folder = folder_with(&[("a.txt", b"text"), ("b.txt", b"more\n")]);
    let monitor = Monitor::default();
    let inputs = [folder.path().join("in").display().to_string()];
    let prefix = folder.path().join("out");
    encode_with(&LengthThenBytes::new(None), &inputs, &prefix, &small(), &monitor).expect("good inputs");
    assert_eq!(monitor.state(), Some((Phase::Encode, 9, 9)));
}
