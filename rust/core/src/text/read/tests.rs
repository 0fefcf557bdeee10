//! What is read, against the plain way of reading it: whole files into memory, split by the standard library.

use std::fs;
use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::split::Pattern;
use crate::text::{OnError, TableEvent, TableReader, total_bytes};
use crate::{Monitor, Place};

use super::*;

fn splitter(pattern: Option<&str>) -> Splitter {
    Splitter::new(&Pattern::new(pattern)).expect("a valid pattern")
}

fn small_batches() -> ReadOptions {
    small_batches_of(FileOptions::default())
}

fn small_batches_of(files: FileOptions) -> ReadOptions {
    ReadOptions { files, batch_bytes: 200, max_document_bytes: 5_000, ..ReadOptions::default() }
}

fn separated(separator: &str) -> FileOptions {
    FileOptions { separator: Some(separator.into()), ..FileOptions::default() }
}

fn folder_with(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).expect("a writable folder");
    }
    folder
}

/// Everything in the folder, sorted by name.
fn read_with(folder: &Path, options: ReadOptions, pattern: Option<&str>) -> Result<Vec<Batch>> {
    let inputs = FileOptions::default().expand(&[folder.display().to_string()])?;
    let total = total_bytes(&inputs);
    let count = inputs.len();
    let monitor = Monitor::default();
    let batches: Vec<Batch> =
        read_batches(inputs, Position::default(), options, &splitter(pattern), &monitor)?
            .collect::<Result<_>>()?;
    assert_eq!(batches.iter().map(|batch| batch.input_bytes).sum::<u64>(), total);
    assert_eq!(batches.iter().map(|batch| batch.input_ends.len()).sum::<usize>(), count);
    Ok(batches)
}

/// The pieces of each document.
fn documents(batches: &[Batch]) -> Vec<Vec<Vec<u8>>> {
    let mut documents = vec![vec![]];
    for (text, closes) in batches.iter().flat_map(Batch::iter) {
        documents.last_mut().expect("one is open").push(text.to_vec());
        if closes {
            documents.push(vec![]);
        }
    }
    assert_eq!(documents.pop(), Some(vec![]), "the last document is closed");
    documents
}

fn read(files: &[(&str, &[u8])], options: ReadOptions) -> Result<Vec<Vec<u8>>> {
    let folder = folder_with(files);
    let batches = read_with(folder.path(), options, Some("gpt2"))?;
    Ok(documents(&batches).iter().map(|pieces| pieces.concat()).collect())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    gzip_at(flate2::Compression::fast(), text)
}

fn gzip_at(level: flate2::Compression, text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder.write_all(text).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).expect("memory takes all")
}

/// The separated documents of a text, as the standard library finds them.
fn plainly_separated(text: &str, separator: &str) -> Vec<Vec<u8>> {
    let mut documents: Vec<Vec<u8>> = text.split(separator).map(|part| part.as_bytes().to_vec()).collect();
    if documents.last().is_some_and(Vec::is_empty) {
        documents.pop();
    }
    documents
}

proptest! {
    #[test]
    fn separators_are_found_across_reads(text in "(a|b|<|<s|<sep>|<sep|é){0,300}", separator in "<sep>|<|ab|aa") {
        let documents = read(&[("a.txt", text.as_bytes())], small_batches_of(separated(&separator))).expect("readable");
        prop_assert_eq!(documents, plainly_separated(&text, &separator));
    }

    #[test]
    fn lines_give_their_strings(texts in prop::collection::vec(".{0,150}", 0..20), ending in "\n|\r\n|\n \t\n") {
        let line = |text: &String| serde_json::json!({"id": 7, "text": text, "z": [text]}).to_string() + &ending;
        let lines: String = texts.iter().map(line).collect();
        let expected: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        let unended = lines.trim_end().as_bytes();
        prop_assert_eq!(&read(&[("a.jsonl", unended)], small_batches()).expect("readable"), &expected);
        prop_assert_eq!(&read(&[("a.jsonl.zst", &zstandard(lines.as_bytes()))], small_batches()).expect("readable"), &expected);
    }

    #[test]
    fn cut_documents_have_the_pretokens_of_whole_ones(
        text in "([a-z]{1,9}| |\n|[0-9]|'s|é|!){0,900}", pattern in "gpt2|cl100k|o200k", batch_bytes in 1_usize..400,
    ) {
        let folder = folder_with(&[("a.txt", text.as_bytes()), ("b.txt", text.as_bytes())]);
        let options = ReadOptions { batch_bytes, max_document_bytes: 20_000, ..ReadOptions::default() };
        let batches = read_with(folder.path(), options, Some(&pattern)).expect("readable");
        let splitter = splitter(Some(&pattern));
        let pretokens = |pieces: &[Vec<u8>]| {
            let mut all = Vec::new();
            for piece in pieces {
                splitter.for_each(piece, |pretoken| all.push(pretoken.to_vec())).expect("no runaway");
            }
            all
        };
        let whole = pretokens(&[text.as_bytes().to_vec()]);
        let documents = documents(&batches);
        prop_assert_eq!(documents.len(), if text.is_empty() { 0 } else { 2 });
        for pieces in documents {
            prop_assert_eq!(pretokens(&pieces), whole.clone());
        }
    }
}

#[test]
fn batches_stay_small_however_long_a_document_is() {
    let text = "some words ".repeat(1_000);
    let folder = folder_with(&[("a.txt", text.as_bytes())]);
    let batches = read_with(folder.path(), small_batches(), Some("gpt2")).expect("readable");
    assert!(batches.len() >= 11_000 / 200);
    assert!(batches.iter().all(|batch| batch.bytes.len() <= 200));
}

#[test]
fn empty_documents_count_towards_the_size_of_a_batch() {
    let folder = folder_with(&[("a.txt", "\n".repeat(1_000).as_bytes())]);
    let batches =
        read_with(folder.path(), small_batches_of(separated("\n")), Some("gpt2")).expect("readable");
    assert_eq!(documents(&batches).len(), 1_000);
    assert!(batches.iter().all(|batch| batch.pieces.len() <= 7));
}

#[test]
fn a_document_that_cannot_be_cut_is_held_whole_up_to_the_limit() {
    let text = [b'x'; 5_000];
    assert_eq!(read(&[("a.txt", &text[..4_999]), ("b.txt", b"y")], small_batches()).expect("fits").len(), 2);
    let error =
        read(&[("a.txt", &text), ("b.txt", b"y")], small_batches()).expect_err("too long").to_string();
    assert!(
        error.starts_with("max_memory: ") && error.contains("a.txt: a document has more than 5000 bytes"),
        "{error}"
    );
    let line = format!("{{\"text\": \"{}\"}}", "x".repeat(6_000));
    let error = read(&[("a.jsonl", line.as_bytes())], small_batches()).expect_err("too long").to_string();
    assert!(error.contains("a.jsonl:1: the line has more than 5000 bytes"), "{error}");
}

#[test]
fn line_ends_and_byte_order_marks_of_a_text_are_kept_and_of_lines_are_not() {
    let text = b"\xef\xbb\xbfone\r\ntwo\0\xff\r\n";
    assert_eq!(read(&[("a.txt", text)], small_batches()).expect("readable"), [text]);
    let lines = b"\xef\xbb\xbf{\"text\": \"one\"}\r\n\r\n{\"text\": \"\"}";
    assert_eq!(read(&[("a.ndjson", lines)], small_batches()).expect("readable"), [&b"one"[..], b""]);
}

#[test]
fn inputs_without_a_document_are_told_apart() {
    let folder = folder_with(&[("a.txt", b""), ("b.txt", b"x"), ("c.jsonl", b"\n"), ("d.txt", b"y")]);
    let batches = read_with(folder.path(), ReadOptions::default(), Some("gpt2")).expect("readable");
    assert_eq!(batches.len(), 1);
    let ends: Vec<usize> = batches[0].input_ends.iter().map(|end| end.pieces).collect();
    assert_eq!(ends, [0, 1, 1, 2]);
}

#[test]
fn all_members_of_compressed_files_are_read() {
    let (one, two) = ("one ".repeat(100), "two ".repeat(100));
    let both = [one.clone() + &two];
    let members = [gzip(one.as_bytes()), gzip(two.as_bytes())].concat();
    assert_eq!(
        read(&[("a.txt.gz", &members)], small_batches()).expect("readable"),
        both.each_ref().map(String::as_bytes)
    );
    let zeros = vec![0; 200];
    let padded = [gzip(one.as_bytes()), zeros.clone(), gzip(two.as_bytes()), zeros].concat();
    assert_eq!(
        read(&[("a.txt.gz", &padded)], small_batches()).expect("readable"),
        both.each_ref().map(String::as_bytes)
    );
    let frames = [zstandard(one.as_bytes()), zstandard(two.as_bytes())].concat();
    assert_eq!(
        read(&[("A.TXT.ZST", &frames)], small_batches()).expect("readable"),
        both.each_ref().map(String::as_bytes)
    );
}

#[test]
fn compressed_files_cut_anywhere_are_errors_with_their_place() {
    let text: Vec<u8> =
        (0..600_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    for (name, whole) in [("a.txt.gz", gzip(&text)), ("a.txt.zst", zstandard(&text))] {
        for length in (0..whole.len()).step_by(13).chain([1, 2, 3, whole.len() - 1]) {
            match read(&[(name, &whole[..length])], ReadOptions::default()) {
                Err(Error::Malformed { path, place: Place::Byte(byte), message }) => {
                    assert!(path.ends_with(name) && byte <= text.len() as u64, "{byte}");
                    assert!(message.contains("is cut short or damaged") || length == 0, "{message}");
                }
                other => panic!("{name} cut to {length} bytes gives {other:?}"),
            }
        }
    }
}

#[test]
fn damaged_and_foreign_data_in_compressed_files_are_errors() {
    let mut damaged = gzip(&b"some text ".repeat(50));
    let last = damaged.len() - 5;
    damaged[last] ^= 1;
    let trailing = [gzip(b"text"), b"trailing".to_vec()].concat();
    let behind_zeros = [gzip(b"text"), vec![0; 100], b"trailing".to_vec()].concat();
    for bytes in [&damaged[..], &trailing, &behind_zeros, b"no gzip at all", &[0; 100]] {
        let error = read(&[("a.txt.gz", bytes)], small_batches()).expect_err("damaged");
        assert!(matches!(error, Error::Malformed { place: Place::Byte(_), .. }), "{error}");
    }
}

#[test]
fn a_broken_line_is_named() {
    let error =
        read(&[("a.jsonl", b"{\"text\": \"x\"}\n\n{\"text\": 1}\n")], small_batches()).expect_err("broken");
    assert!(matches!(error, Error::Malformed { place: Place::Line(3), .. }), "{error}");
}

#[test]
fn the_format_is_as_told_and_never_guessed() {
    let json = b"{\"body\": \"x\"}\n";
    let files =
        FileOptions { format: Format::JsonLines, text_field: "body".into(), ..FileOptions::default() };
    assert_eq!(read(&[("a.txt", json)], small_batches_of(files)).expect("readable"), [b"x"]);
    let files = FileOptions { format: Format::Text, ..FileOptions::default() };
    assert_eq!(read(&[("a.jsonl", json)], small_batches_of(files)).expect("readable"), [json]);
    let folder = folder_with(&[("a.json", json), ("b.tar.gz", b""), ("c.parquet.gz", b"")]);
    let monitor = Monitor::default();
    for name in ["a.json", "b.tar.gz", "c.parquet.gz"] {
        let name = folder.path().join(name).display().to_string();
        let inputs = FileOptions::default().expand(&[name]).expect("it exists");
        let refused = read_batches(inputs, Position::default(), small_batches(), &splitter(None), &monitor);
        assert!(matches!(refused, Err(Error::Argument { name: "format", .. })));
    }
}

/// A table of numbered rows in place of any file: row 3 has no text, row 5 is long.
#[derive(Debug)]
struct Numbers;

impl TableReader for Numbers {
    fn read(
        &self,
        path: &Path,
        column: &str,
        first: u64,
        each: &mut dyn FnMut(TableEvent<'_>) -> Result<()>,
    ) -> Result<()> {
        for row in first..7 {
            let text = format!("{column} {row}").repeat(if row == 5 { 100 } else { 1 });
            each(if row == 3 { TableEvent::Null } else { TableEvent::Text(text.as_bytes()) })?;
        }
        each(TableEvent::Read(fs::metadata(path).expect("a file").len()))
    }
}

#[test]
fn rows_of_a_table_are_documents() {
    let files = FileOptions { tables: Some(Arc::new(Numbers)), ..FileOptions::default() };
    let file: &[(&str, &[u8])] = &[("a.parquet", b"any")];
    let error = read(file, small_batches_of(files.clone())).expect_err("a null").to_string();
    assert!(error.contains("a.parquet: row 3 has no \"text\"; expected a string"), "{error}");
    let folder = folder_with(file);
    let files = FileOptions { on_error: OnError::Skip, ..files };
    let batches = read_with(folder.path(), small_batches_of(files.clone()), Some("gpt2")).expect("readable");
    let texts: Vec<Vec<u8>> = documents(&batches).iter().map(|pieces| pieces.concat()).collect();
    assert_eq!(texts.len(), 6);
    assert_eq!((&texts[2][..], &texts[3][..], texts[4].len()), (&b"text 2"[..], &b"text 4"[..], 600));
    assert_eq!(batches.iter().map(|batch| batch.skipped.len()).sum::<usize>(), 1);
    assert!(batches.len() > 3 && batches.iter().any(|batch| batch.end.read > 0), "the long row is cut");
    let missing = FileOptions { tables: None, ..files };
    assert!(matches!(read(file, small_batches_of(missing)), Err(Error::Argument { name: "format", .. })));
}

/// Every place where a batch ends is one from which reading goes on with the same text.
#[test]
fn reading_goes_on_wherever_a_batch_ended() {
    let words = "some words, \u{e9} and <sep> more ".repeat(70);
    let lines =
        format!("{{\"text\": \"{}\"}}\n{{broken}}\n\n", "a line with \\n words ".repeat(30)).repeat(5);
    let folder = folder_with(&[
        ("a.txt", words.as_bytes()),
        ("b.jsonl", lines.as_bytes()),
        ("c.txt.zst", &zstandard(words.as_bytes())),
        ("d.jsonl.gz", &gzip(lines.as_bytes())),
        ("e.txt.gz", b"broken"),
        ("f.parquet", b"any"),
    ]);
    // Batches that break off end anywhere in a document, and some when a batch is full.
    let stored = gzip_at(flate2::Compression::none(), words.as_bytes());
    for length in (300..600).step_by(7) {
        let path = folder.path().join(format!("g{length}.txt.gz"));
        fs::write(path, &stored[..length]).expect("a writable folder");
    }
    let tables: Option<Arc<dyn TableReader>> = Some(Arc::new(Numbers));
    let options = small_batches_of(FileOptions { on_error: OnError::Skip, tables, ..separated("<sep>") });
    let whole = read_with(folder.path(), options.clone(), Some("gpt2")).expect("readable");
    let flat = |batches: &[Batch]| {
        let pieces = batches.iter().flat_map(Batch::iter);
        pieces
            .flat_map(|(text, closes)| [text, if closes { b"|" } else { b"" }].concat())
            .collect::<Vec<u8>>()
    };
    let inputs = FileOptions::default().expand(&[folder.path().display().to_string()]).expect("files");
    assert!(whole.len() > 30);
    for (index, batch) in whole.iter().enumerate() {
        let (monitor, splitter) = (Monitor::default(), splitter(Some("gpt2")));
        let rest = read_batches(inputs.clone(), batch.end, options.clone(), &splitter, &monitor);
        let rest: Vec<Batch> = rest.expect("readable formats").collect::<Result<_>>().expect("readable");
        assert_eq!(flat(&rest), flat(&whole[index + 1..]), "from {:?}", batch.end);
        let skips =
            |batches: &[Batch]| batches.iter().flat_map(|batch| batch.skipped.clone()).collect::<Vec<_>>();
        assert_eq!(skips(&rest), skips(&whole[index + 1..]), "from {:?}", batch.end);
        assert_eq!(rest.last().expect("its bytes are counted").end, whole[whole.len() - 1].end);
    }
}

#[test]
fn an_error_ends_the_batches() {
    let folder = folder_with(&[("a.txt", "some words ".repeat(1_000).as_bytes()), ("b.txt.gz", b"broken")]);
    let inputs = FileOptions::default().expand(&[folder.path().display().to_string()]).expect("two files");
    let monitor = Monitor::default();
    let splitter = splitter(Some("gpt2"));
    let mut batches = read_batches(inputs, Position::default(), small_batches(), &splitter, &monitor)
        .expect("readable formats");
    assert!(batches.next().is_some_and(|batch| batch.is_ok()));
    let batches: Vec<_> = batches.collect();
    assert_eq!(batches.iter().filter(|batch| batch.is_err()).count(), 1);
    assert!(batches.last().is_some_and(Result::is_err));
}

#[test]
fn batches_may_be_dropped_before_their_end() {
    let folder = folder_with(&[("a.txt", "some words ".repeat(100_000).as_bytes())]);
    let inputs = FileOptions::default().expand(&[folder.path().display().to_string()]).expect("a file");
    let monitor = Monitor::default();
    let mut batches =
        read_batches(inputs, Position::default(), small_batches(), &splitter(Some("gpt2")), &monitor)
            .expect("readable formats");
    assert!(batches.next().is_some_and(|batch| batch.is_ok()));
    let stop = Arc::clone(&batches.stop);
    drop(batches);
    assert_eq!(Arc::strong_count(&stop), 1, "the thread is gone");
}

#[test]
fn a_wish_to_stop_is_heard() {
    let folder = folder_with(&[("a.txt", b"text")]);
    let inputs = FileOptions::default().expand(&[folder.path().display().to_string()]).expect("a file");
    let monitor = Monitor::default();
    monitor.cancel();
    let mut batches = read_batches(inputs, Position::default(), small_batches(), &splitter(None), &monitor)
        .expect("readable formats");
    assert!(matches!(batches.next(), Some(Err(Error::Interrupted))));
    assert!(batches.next().is_none());
}

#[cfg(unix)]
#[test]
fn a_wish_to_stop_is_heard_while_a_pipe_is_silent() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    let inputs = FileOptions::default().expand(&[path.display().to_string()]).expect("a pipe");
    assert_eq!(total_bytes(&inputs), 0);
    let monitor = Monitor::default();
    let mut batches = read_batches(inputs, Position::default(), small_batches(), &splitter(None), &monitor)
        .expect("readable formats");
    let got = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            monitor.cancel();
        });
        batches.next()
    });
    assert!(matches!(got, Some(Err(Error::Interrupted))));
}
