use std::process::Command;

use proptest::prelude::*;

use super::super::TokenStore;
use super::*;

/// Writes documents, each as runs of ids, and leaves the store unfinished.
fn begin(prefix: &Path, dtype: Dtype, documents: &[Vec<u32>]) -> Result<StoreWriter> {
    let mut writer = StoreWriter::create(prefix, dtype)?;
    for document in documents {
        document.chunks(3).try_for_each(|run| writer.push(run))?;
        writer.end_document()?;
    }
    Ok(writer)
}

fn write(prefix: &Path, dtype: Dtype, documents: &[Vec<u32>]) -> Result<()> {
    begin(prefix, dtype, documents)?.finish(StoreFacts { tokenizer: "print".into(), ..StoreFacts::default() })
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a readable folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn documents_of(store: &TokenStore) -> Vec<Vec<u32>> {
    (0..store.len()).map(|index| store.document(index).expect("it exists").to_vec()).collect()
}

proptest! {
    #[test]
    fn what_is_written_is_opened(
        documents in prop::collection::vec(prop::collection::vec(0_u32..70_000, 0..20), 0..20),
    ) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prefix = folder.path().join("v1.5");
        let max_id = documents.iter().flatten().copied().max().unwrap_or(0);
        let dtype = Dtype::for_max_id(max_id);
        write(&prefix, dtype, &documents).expect("a writable folder");
        prop_assert_eq!(names(folder.path()), ["v1.5.bin", "v1.5.idx", "v1.5.json"]);
        let store = TokenStore::open(&prefix).expect("a good store");
        prop_assert_eq!(store.dtype(), dtype);
        prop_assert_eq!(documents_of(&store), &*documents);
        prop_assert_eq!(store.tokens().expect("one shard").to_vec(), documents.concat());
        prop_assert_eq!(store.fingerprint(), Some("print"));
        store.verify(&crate::Monitor::default()).expect("the checksums are right");
        let raw = TokenStore::open_raw(&with_suffix(&prefix, ".bin"), dtype).expect("a good file");
        prop_assert_eq!((raw.tokens(), raw.len()), (store.tokens(), 1));
    }
}

#[test]
fn long_runs_are_written_in_parts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("long");
    let ids: Vec<u32> = (0..5_000_000_u32).map(|id| id.wrapping_mul(0x9e37_79b9) >> 8).collect();
    let mut writer = StoreWriter::create(&prefix, Dtype::U32).expect("a writable folder");
    writer.push(&ids).expect("a writable folder");
    writer.finish(StoreFacts::default()).expect("a writable folder");
    let store = TokenStore::open(&prefix).expect("a good store");
    assert_eq!(store.tokens().expect("one shard").to_vec(), ids);
    let blocks = (ids.len() * Dtype::U32.width()).div_ceil(BLOCK_BYTES);
    assert_eq!(store.manifests().next().map(|manifest| manifest.checksums.bin.len()), Some(blocks));
    store.verify(&crate::Monitor::default()).expect("the checksums are right");
}

#[test]
fn an_unfinished_store_leaves_nothing_and_the_old_one_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("corpus");
    drop(begin(&prefix, Dtype::U16, &[vec![1]]).expect("a writable folder"));
    assert_eq!(names(folder.path()), [""; 0]);
    write(&prefix, Dtype::U16, &[vec![1, 2]]).expect("a writable folder");
    assert!(begin(&prefix, Dtype::U16, &[vec![7, 65_536]]).is_err());
    assert_eq!(names(folder.path()).len(), 3);
    assert_eq!(documents_of(&TokenStore::open(&prefix).expect("the old store")), [[1, 2]]);
}

#[test]
fn an_open_store_keeps_its_files_when_it_is_replaced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("corpus");
    write(&prefix, Dtype::U16, &[vec![1, 2, 3]]).expect("a writable folder");
    let old = TokenStore::open(&prefix).expect("a good store");
    write(&prefix, Dtype::U16, &[vec![9]]).expect("a writable folder");
    assert_eq!(documents_of(&old), [[1, 2, 3]]);
    old.verify(&crate::Monitor::default()).expect("its own files are whole");
    assert_eq!(documents_of(&TokenStore::open(&prefix).expect("the new store")), [[9]]);
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("corpus");
    let first = begin(&prefix, Dtype::U16, &[vec![1]]).expect("a writable folder");
    let error = begin(&prefix, Dtype::U16, &[]).err().expect("locked").to_string();
    assert!(error.contains("corpus.bin.partial is being written by another process"), "{error}");
    first.finish(StoreFacts::default()).expect("the second writer changed nothing");
    assert_eq!(documents_of(&TokenStore::open(&prefix).expect("a good store")), [[1]]);
}

#[test]
fn what_a_killed_writer_left_is_taken_over() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("corpus");
    fs::write(with_suffix(&prefix, ".bin.partial"), [7; 999]).expect("a writable folder");
    fs::write(with_suffix(&prefix, ".idx.partial"), [7; 999]).expect("a writable folder");
    write(&prefix, Dtype::U16, &[vec![1]]).expect("a writable folder");
    assert_eq!(names(folder.path()).len(), 3);
    assert_eq!(documents_of(&TokenStore::open(&prefix).expect("a good store")), [[1]]);
}

#[test]
fn a_store_caught_between_two_renames_is_refused_and_can_be_written_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let prefix = folder.path().join("corpus");
    write(&prefix, Dtype::U16, &[vec![1]]).expect("a writable folder");
    // The new data file is in place, as long as the old one; its manifest is not.
    fs::rename(with_suffix(&prefix, ".json"), with_suffix(&prefix, ".json.partial"))
        .expect("a writable folder");
    let error = TokenStore::open(&prefix).expect_err("not whole").to_string();
    assert!(error.contains("was being replaced when its writer stopped"), "{error}");
    write(&prefix, Dtype::U16, &[vec![2]]).expect("it may be replaced");
    assert_eq!(documents_of(&TokenStore::open(&prefix).expect("a good store")), [[2]]);
}

#[test]
fn files_that_are_no_store_are_never_replaced() {
    for suffix in [".json", ".bin", ".idx"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let prefix = folder.path().join("corpus");
        fs::write(with_suffix(&prefix, suffix), b"{\"text\": \"mine\"}").expect("a writable folder");
        let error = StoreWriter::create(&prefix, Dtype::U16).err().expect("refused").to_string();
        assert!(error.starts_with("prefix: ") && error.contains("exists and is not part of"), "{error}");
        assert_eq!(names(folder.path()), [format!("corpus{suffix}")]);
    }
}

#[test]
fn a_folder_is_no_prefix() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for prefix in [folder.path().join(""), PathBuf::new()] {
        let error = StoreWriter::create(&prefix, Dtype::U16).err().expect("refused");
        assert!(matches!(error, Error::Argument { name: "prefix", .. }), "{error}");
    }
    let missing = StoreWriter::create(&folder.path().join("missing/corpus"), Dtype::U16).err();
    assert!(matches!(missing, Some(Error::Io { .. })));
}

/// Runs the test below in a process whose files may have 64 KiB, which fails as a full disk does.
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_with_the_path_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 128; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", "store::writer::tests::within_a_limit_on_file_sizes", "--include-ignored"])
        .env("BYTESTRIDE_FULL_DISK", folder.path())
        .output()
        .expect("a shell runs");
    let output = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && output.contains("1 passed"), "{output}");
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
#[ignore = "the test above runs it"]
fn within_a_limit_on_file_sizes() {
    let folder = PathBuf::from(std::env::var_os("BYTESTRIDE_FULL_DISK").expect("the test above sets it"));
    let long_document = write(&folder.join("a"), Dtype::U16, &[vec![1; 1 << 20]]);
    assert!(matches!(long_document, Err(Error::Io { path, .. }) if path.ends_with("a.bin.partial")));
    let many_documents = write(&folder.join("b"), Dtype::U16, &vec![vec![]; 1 << 16]);
    assert!(matches!(many_documents, Err(Error::Io { path, .. }) if path.ends_with("b.idx.partial")));
}
