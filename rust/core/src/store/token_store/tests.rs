use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use super::super::{StoreFacts, StoreWriter};
use super::*;

/// A store of three documents, `[1, 2]`, `[]` and `[3]`, and its prefix.
fn sample() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("corpus");
    let mut writer = StoreWriter::create(&prefix, Dtype::U16).expect("a writable folder");
    for document in [&[1, 2][..], &[], &[3]] {
        writer.push(document).expect("a writable folder");
        writer.end_document().expect("a writable folder");
    }
    writer.finish(StoreFacts::default()).expect("a writable folder");
    (folder, prefix)
}

/// Changes one file of a sample store and opens what is left.
fn opened_after(suffix: &str, change: impl Fn(&Path)) -> Result<TokenStore> {
    let (_folder, prefix) = sample();
    change(&with_suffix(&prefix, suffix));
    TokenStore::open(&prefix)
}

fn replaced(from: &'static str, to: &'static str) -> impl Fn(&Path) {
    move |path| {
        let text = fs::read_to_string(path).expect("it is there");
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).expect("a writable folder");
    }
}

fn message(opened: Result<TokenStore>) -> String {
    let error = opened.expect_err("the files disagree");
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    error.to_string()
}

#[test]
fn documents_are_in_place_and_none_lies_beyond_the_last() {
    let (_folder, prefix) = sample();
    let store = TokenStore::open(&prefix).expect("a good store");
    assert_eq!(store.offsets(), [0, 2, 2, 3]);
    assert_eq!(store.tokens(), Some(Tokens::U16(&[1, 2, 3])));
    assert_eq!(store.document(0), Some(Tokens::U16(&[1, 2])));
    assert_eq!(store.document(1), Some(Tokens::U16(&[])));
    assert_eq!((store.document(3), store.document(usize::MAX)), (None, None));
}

#[test]
fn any_of_the_three_paths_names_the_store() {
    let (_folder, prefix) = sample();
    for suffix in [".bin", ".idx", ".json"] {
        let store = TokenStore::open(&with_suffix(&prefix, suffix)).expect("a good store");
        assert_eq!(store.path(), prefix);
    }
}

#[test]
fn missing_files_are_named() {
    let remove = |path: &Path| fs::remove_file(path).expect("it is there");
    for suffix in [".bin", ".idx"] {
        let missing = opened_after(suffix, remove).expect_err("a file is missing");
        assert!(matches!(missing, Error::Io { path, .. } if path.ends_with(format!("corpus{suffix}"))));
    }
    let store = opened_after(".json", remove).expect("Megatron's files have no manifest");
    assert_eq!((store.len(), store.fingerprint()), (3, None));
    assert!(store.verify(&Monitor::default()).is_err(), "there is nothing to verify against");
}

#[test]
fn a_data_file_without_an_index_needs_a_dtype() {
    let (folder, _) = sample();
    let path = folder.path().join("raw.bin");
    fs::write(&path, [1, 0, 2, 0, 3]).expect("a writable folder");
    let error = TokenStore::open(&path).expect_err("no index").to_string();
    assert!(error.contains("has no index") && error.contains("or a dtype to read it as raw ids"), "{error}");
    let error = TokenStore::open_raw(&path, Dtype::U16).expect_err("odd").to_string();
    assert!(error.contains("5 bytes; expected a multiple of 2, for uint16"), "{error}");
    fs::write(&path, b"").expect("a writable folder");
    let empty = TokenStore::open_raw(&path, Dtype::U32).expect("an empty file is a good one");
    assert_eq!((empty.tokens(), empty.offsets()), (Some(Tokens::U32(&[])), &[0, 0][..]));
    assert!(TokenStore::open_raw(folder.path(), Dtype::U16).is_err(), "a folder");
}

#[test]
fn files_that_disagree_are_told_apart() {
    let cut = |path: &Path| {
        let bytes = fs::read(path).expect("it is there");
        fs::write(path, &bytes[..bytes.len() - 2]).expect("a writable folder");
    };
    assert!(
        message(opened_after(".bin", cut))
            .contains("corpus.bin: 4 bytes; expected 6, for the 3 tokens of uint16")
    );
    assert!(message(opened_after(".idx", cut)).contains("3 sequences and 4 entries"));
    assert!(message(opened_after(".json", cut)).contains("not the manifest of a token store: EOF"));
    for (from, to, expected) in [
        ("uint16", "uint32", "the manifest says dtype uint32; expected uint16, as in the index"),
        ("\"tokens\": 3", "\"tokens\": 4", "the manifest says tokens 4; expected 3"),
        ("\"documents\": 3", "\"documents\": 2", "the manifest says documents 2; expected 3"),
        ("\"block_bytes\": 1024", "\"block_bytes\": 0", "1 checksums of blocks of 0 bytes"),
        ("\"block_bytes\": 1024", "\"block_bytes\": 2", "1 checksums of blocks of 2 bytes"),
        ("\"version\": 1", "\"version\": 2", "version 2; expected \"bytestride token store\" version 1"),
        ("bytestride token store", "something else", "\"something else\" version 1; expected"),
        ("\"tokens\": 3", "\"tokens\": \"3\"", "not the manifest of a token store: invalid type"),
    ] {
        let message = message(opened_after(".json", replaced(from, to)));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_store_that_is_replaced_meanwhile_is_the_old_one_or_the_new_one() {
    let (_folder, prefix) = sample();
    let is_replaced = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..60 {
                let mut writer = StoreWriter::create(&prefix, Dtype::U16).expect("a writable folder");
                writer.push(&[number; 3]).expect("a writable folder");
                writer.finish(StoreFacts::default()).expect("a writable folder");
            }
            is_replaced.store(true, Ordering::Relaxed);
        });
        while !is_replaced.load(Ordering::Relaxed) {
            let store = TokenStore::open(&prefix).expect("a store at any time");
            store.verify(&Monitor::default()).expect("files that belong together");
        }
    });
}

#[test]
fn verifying_finds_every_changed_byte() {
    for suffix in [".bin", ".idx"] {
        let (_folder, prefix) = sample();
        let path = with_suffix(&prefix, suffix);
        let whole = fs::read(&path).expect("it is there");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).expect("a writable folder");
            // What opening finds by itself need not be found again.
            if let Ok(store) = TokenStore::open(&prefix) {
                let error = store.verify(&Monitor::default()).expect_err("a byte is changed").to_string();
                assert!(error.contains(&format!("corpus{suffix}")) && error.contains("checksum"), "{error}");
            }
        }
    }
}

#[test]
fn documents_of_several_shards_are_numbered_through() {
    let (_a, one) = sample();
    let (_b, other) = sample();
    let empty = other.with_file_name("empty.bin");
    fs::write(&empty, b"").expect("a writable folder");
    fs::write(with_suffix(&other.with_file_name("empty"), ".idx"), empty_index()).expect("a writable folder");
    let store = TokenStore::open_all(&[one.clone(), empty, other]).expect("good stores");
    assert_eq!(store.path(), one);
    assert_eq!(store.offsets(), [0, 2, 2, 3, 5, 5, 6]);
    assert_eq!((store.len(), store.total_tokens(), store.tokens()), (6, 6, None));
    let shards: Vec<_> = store.shards().map(|tokens| tokens.to_vec()).collect();
    assert_eq!(shards, [vec![1, 2, 3], vec![], vec![1, 2, 3]]);
    let documents: Vec<_> = (0..6).map(|index| store.document(index).expect("it exists").to_vec()).collect();
    assert_eq!(documents, [vec![1, 2], vec![], vec![3], vec![1, 2], vec![], vec![3]]);
    assert_eq!(store.document(6), None);
    assert!(matches!(TokenStore::open_all(&[]), Err(Error::Argument { name: "path", .. })));
}

/// The index of no documents.
fn empty_index() -> Vec<u8> {
    [b"MMIDIDX\0\0\x01\0\0\0\0\0\0\0\x08", &[0; 8][..], &[1, 0, 0, 0, 0, 0, 0, 0], &[0; 8]].concat()
}

#[test]
fn shards_of_other_types_or_tokenizers_are_no_part_of_a_store() {
    let (_a, one) = sample();
    let (_b, other) = sample();
    replaced("\"tokenizer\": \"\"", "\"tokenizer\": \"another\"")(&with_suffix(&other, ".json"));
    let error = message(TokenStore::open_all(&[one.clone(), other.clone()]));
    assert!(error.contains("corpus: the tokenizer is another; expected "), "{error}");
    let raw = |path: &Path| with_suffix(path, ".bin");
    fs::write(raw(&other), [0; 8]).expect("a writable folder");
    let both = [raw(&one), raw(&other)];
    assert_eq!(TokenStore::open_all_raw(&both, Dtype::U16).expect("even sizes").offsets(), [0, 3, 7]);
    let wide = other.with_file_name("wide.npy");
    fs::write(&wide, npy_of_no_ids("<u4")).expect("a writable folder");
    let error = message(TokenStore::open_all(&[one.clone(), wide]));
    assert!(error.contains("wide.npy: dtype uint32; expected uint16, as in "), "{error}");
}

#[test]
fn the_tokenizer_of_a_store_is_known_only_if_it_is_that_of_all_shards() {
    let (_a, one) = sample();
    let (_b, other) = sample();
    replaced("\"tokenizer\": \"\"", "\"tokenizer\": \"another\"")(&with_suffix(&other, ".json"));
    let foreign = one.with_file_name("foreign.npy");
    fs::write(&foreign, npy_of_no_ids("<u2")).expect("a writable folder");
    for paths in [[one.clone(), foreign.clone()], [foreign.clone(), one.clone()]] {
        let store = TokenStore::open_all(&paths).expect("one type");
        assert_eq!(store.fingerprint(), None);
        let error = store.tokenizer().expect_err("not known").to_string();
        assert!(error.contains("foreign.npy: there is no manifest that names its tokenizer"), "{error}");
    }
    let error = message(TokenStore::open_all(&[foreign, one, other]));
    assert!(error.contains("corpus: the tokenizer is another; expected , as in "), "{error}");
}

#[test]
fn a_missing_file_of_another_program_is_called_by_its_name() {
    let (folder, _) = sample();
    for name in ["missing.npy", "missing.ds"] {
        let path = folder.path().join(name);
        let missing = TokenStore::open(&path).expect_err("no file");
        assert!(matches!(&missing, Error::Io { path: named, .. } if *named == path), "{missing}");
    }
    let mut writer =
        StoreWriter::create(&folder.path().join("a.npy"), Dtype::U16).expect("a writable folder");
    writer.push(&[1]).expect("a writable folder");
    writer.finish(StoreFacts::default()).expect("a writable folder");
    assert_eq!(TokenStore::open(&folder.path().join("a.npy")).expect("a store").len(), 1);
}

fn npy_of_no_ids(kind: &str) -> Vec<u8> {
    let header = format!("{:118}", format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (0,), }}"));
    [b"\x93NUMPY\x01\0\x76\0", header.as_bytes()].concat()
}
