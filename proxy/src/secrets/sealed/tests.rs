//! What is kept comes back whole, in time, and to whoever declares the same place; nothing else does.

use proptest::prelude::*;
use rstest::rstest;
use tempfile::TempDir;

use super::*;

const ORIGIN: &str = "vault https://vault:8200 kv/nova#pepper";

struct Bed {
    folder: TempDir,
    cache: SealedSecrets,
}

fn key_file(folder: &TempDir, name: &str, content: &str, mode: u32) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn config(folder: &TempDir, key_file: PathBuf) -> SecretCacheConfig {
    SecretCacheConfig {
        folder: folder.path().join("sealed-secrets"),
        key_file,
        max_age: Duration::from_secs(3600),
    }
}

fn cache(folder: &TempDir, key: u8) -> SealedSecrets {
    let text = STANDARD.encode([key; KEY_BYTES]) + "\n";
    SealedSecrets::open(&config(folder, key_file(folder, &format!("key-{key}"), &text, 0o400))).unwrap()
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(&folder, 7);
        Self { folder, cache }
    }

    fn file(&self) -> PathBuf {
        self.cache.path("pepper")
    }
}

fn secret(value: &[u8]) -> KeptSecret {
    KeptSecret { value: SecretSlice::from(value.to_vec()), read_at: at(1000), ends_at: None }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn found(cache: &SealedSecrets, origin: &str, now: Timestamp) -> Option<Vec<u8>> {
    cache.find("pepper", origin, now).unwrap().map(|kept| kept.value.expose_secret().to_vec())
}

#[test]
fn a_kept_secret_comes_back_to_another_process_and_is_nowhere_to_be_read() {
    let bed = Bed::new();
    bed.cache.keep("pepper", ORIGIN, &secret(b"the first pepper")).unwrap();
    bed.cache.keep("pepper", ORIGIN, &secret(b"the second pepper")).unwrap();
    assert_eq!(found(&cache(&bed.folder, 7), ORIGIN, at(1001)).unwrap(), b"the second pepper");
    let file = fs::read(bed.file()).unwrap();
    for needle in [b"pepper".to_vec(), STANDARD.encode(b"the second pepper").into_bytes()] {
        assert!(!file.windows(needle.len()).any(|window| window == needle));
    }
    for path in [bed.file(), bed.cache.folder.clone()] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0);
    }
    assert_eq!(fs::read_dir(&bed.cache.folder).unwrap().count(), 1);
    assert!(bed.cache.find("other", ORIGIN, at(1001)).unwrap().is_none());
}

#[rstest]
#[case::at_once(1000, None, true)]
#[case::old_enough(4600, None, true)]
#[case::too_old(4601, None, false)]
#[case::of_the_future(999, None, false)]
#[case::before_its_end(1099, Some(1100), true)]
#[case::at_its_end(1100, Some(1100), false)]
fn a_secret_is_given_while_it_is_young_and_has_not_ended(
    #[case] now: i64,
    #[case] ends_at: Option<i64>,
    #[case] is_given: bool,
) {
    let bed = Bed::new();
    let kept = KeptSecret { ends_at: ends_at.map(at), ..secret(b"pepper") };
    bed.cache.keep("pepper", ORIGIN, &kept).unwrap();
    assert_eq!(found(&bed.cache, ORIGIN, at(now)).is_some(), is_given);
}

#[test]
fn a_secret_is_not_given_under_another_name_place_or_key() {
    let bed = Bed::new();
    bed.cache.keep("pepper", ORIGIN, &secret(b"pepper")).unwrap();
    let unopened = |cache: &SealedSecrets, origin: &str| {
        let error = cache.find("pepper", origin, at(1001)).unwrap_err();
        assert!(matches!(error, SealedError::Unopened { .. }), "{error}");
    };
    unopened(&bed.cache, "vault https://vault:8200 kv/other#pepper");
    unopened(&cache(&bed.folder, 8), ORIGIN);
    fs::rename(bed.file(), bed.cache.path("other")).unwrap();
    bed.cache.find("other", ORIGIN, at(1001)).unwrap_err();
}

#[rstest]
#[case::readable_by_the_group(0o440)]
#[case::readable_by_all(0o404)]
fn a_key_that_others_may_read_is_refused(#[case] mode: u32) {
    let folder = tempfile::tempdir().unwrap();
    let file = key_file(&folder, "key", &STANDARD.encode([1; KEY_BYTES]), mode);
    let error = SealedSecrets::open(&config(&folder, file)).unwrap_err();
    assert!(matches!(error, SealedError::KeyMode { mode: found, .. } if found == mode), "{error}");
}

#[rstest]
#[case::short(&STANDARD.encode([1; KEY_BYTES - 1]))]
#[case::long(&STANDARD.encode([1; KEY_BYTES + 1]))]
#[case::no_base64("not a key")]
#[case::empty("")]
fn what_is_no_key_is_told_without_showing_it(#[case] content: &str) {
    let folder = tempfile::tempdir().unwrap();
    let error = SealedSecrets::open(&config(&folder, key_file(&folder, "key", content, 0o400))).unwrap_err();
    assert!(matches!(error, SealedError::Key { .. }), "{error}");
    assert!(content.is_empty() || !error.to_string().contains(content), "{error}");
}

#[test]
fn what_cannot_be_written_leaves_the_one_before() {
    let bed = Bed::new();
    bed.cache.keep("pepper", ORIGIN, &secret(b"pepper")).unwrap();
    // A folder where the file is to be begun.
    fs::create_dir(bed.file().with_extension("unfinished")).unwrap();
    let error = bed.cache.keep("pepper", ORIGIN, &secret(b"other")).unwrap_err();
    assert!(matches!(error, SealedError::Write { .. }), "{error}");
    assert_eq!(found(&bed.cache, ORIGIN, at(1001)).unwrap(), b"pepper");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_changed_byte_anywhere_or_a_cut_end_is_found_out(position in any::<prop::sample::Index>(), flip in 1_u8..=255, cut in any::<bool>()) {
        let bed = Bed::new();
        bed.cache.keep("pepper", ORIGIN, &secret(b"pepper")).unwrap();
        let mut file = fs::read(bed.file()).unwrap();
        let position = position.index(file.len());
        if cut {
            file.truncate(position);
        } else {
            file[position] ^= flip;
        }
        fs::write(bed.file(), file).unwrap();
        let found = bed.cache.find("pepper", ORIGIN, at(1001));
        prop_assert!(matches!(found, Err(SealedError::Unopened { .. })), "{found:?}");
    }
}
