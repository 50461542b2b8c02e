//! Archives that are whole, cut short, changed, or never were snapshots.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use rstest::rstest;

use super::*;

const META_TEXT: &str =
    r#"{"Version":1,"ID":"2-12-1700000000000","Index":12,"Term":2,"ConfigurationIndex":1,"Size":5}"#;

fn tarred(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sums(files: &[(&str, &[u8])]) -> String {
    files.iter().map(|(name, content)| format!("{}  {name}\n", sum(*content).unwrap())).collect()
}

/// A whole snapshot with this state.
pub(crate) fn snapshot(state: &[u8]) -> Vec<u8> {
    let files = [(META_FILE, META_TEXT.as_bytes()), (STATE, state)];
    let sums = sums(&files);
    packed(&tarred(&[files[0], files[1], (SUMS, sums.as_bytes())]))
}

fn told(bytes: &[u8]) -> String {
    verify(bytes).unwrap_err().to_string()
}

#[test]
fn a_whole_snapshot_says_what_it_is_of() {
    let read = verify(snapshot(b"state").as_slice()).unwrap();
    assert_eq!(
        read,
        Meta { id: "2-12-1700000000000".to_owned(), index: 12, term: 2, state_bytes: 5, is_sealed: false }
    );
}

#[rstest]
#[case::sealed(Some(b"sealed".as_slice()), true)]
#[case::empty(Some(b"".as_slice()), false)]
#[case::absent(None, false)]
fn a_snapshot_of_vault_is_whole_with_its_sealed_sums_alone(
    #[case] sealed: Option<&[u8]>,
    #[case] is_whole: bool,
) {
    let files = [(META_FILE, META_TEXT.as_bytes()), (STATE, b"state".as_slice())];
    let sums = sums(&files);
    let mut all = vec![files[0], files[1], (SUMS, sums.as_bytes())];
    all.extend(sealed.map(|sealed| (SEALED_SUMS, sealed)));
    let read = verify(packed(&tarred(&all)).as_slice()).unwrap();
    assert_eq!(read.sealed().is_ok(), is_whole);
}

#[test]
fn a_snapshot_that_breaks_off_anywhere_is_found_out() {
    let whole = snapshot(&[b'x'; 3000]);
    for length in 0..whole.len() {
        verify(&whole[..length]).unwrap_err();
    }
}

#[test]
fn the_sums_are_compared() {
    let sums = sums(&[(META_FILE, META_TEXT.as_bytes()), (STATE, b"state")]);
    let other = tarred(&[(META_FILE, META_TEXT.as_bytes()), (STATE, b"other"), (SUMS, sums.as_bytes())]);
    assert_eq!(told(&packed(&other)), "its state.bin has another sum than SHA256SUMS says");
}

#[rstest]
#[case::no_sums(&[(META_FILE, META_TEXT), (STATE, "state")], "it lacks SHA256SUMS")]
#[case::no_state(&[(META_FILE, META_TEXT), (SUMS, "")], "it lacks meta.json")]
#[case::no_meta(&[(STATE, "state"), (SUMS, "")], "it lacks meta.json")]
#[case::no_lines(&[(META_FILE, META_TEXT), (STATE, "state"), (SUMS, "abc")], "its SHA256SUMS cannot be read at \"abc\"")]
fn an_archive_that_is_no_snapshot_says_why(#[case] files: &[(&str, &str)], #[case] why: &str) {
    let files: Vec<_> = files.iter().map(|(name, content)| (*name, content.as_bytes())).collect();
    assert_eq!(told(&packed(&tarred(&files))), why);
}

#[test]
fn something_else_is_no_snapshot() {
    assert_eq!(told(b"No cluster leader"), "it is no archive, or breaks off");
    assert_eq!(told(b""), "it is no archive, or breaks off");
    let mut longer = snapshot(b"state");
    longer.extend_from_slice(b"more");
    assert_eq!(told(&longer), "something follows its end");
    let files: Vec<(String, Vec<u8>)> = (0..17).map(|number| (number.to_string(), Vec::new())).collect();
    let files: Vec<_> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    assert_eq!(told(&packed(&tarred(&files))), "it has more than 16 files");
    let large = vec![b' '; (1 << 20) + 1];
    assert_eq!(told(&packed(&tarred(&[(META_FILE, &large)]))), "its meta.json is too large");
}

proptest! {
    #[test]
    fn a_snapshot_with_a_bit_turned_is_found_out_or_says_the_same(bit in 0_usize..10_000) {
        let whole = snapshot(b"some state");
        let mut turned = whole.clone();
        turned[bit / 8 % whole.len()] ^= 1 << (bit % 8);
        // The head of a gzip file has bits that mean nothing for its content: a time, a system.
        if let Ok(read) = verify(turned.as_slice()) {
            prop_assert_eq!(read, verify(whole.as_slice()).unwrap());
        }
    }

    #[test]
    fn no_bytes_are_taken_for_a_snapshot(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(verify(bytes.as_slice()).is_err());
        prop_assert!(verify(packed(&bytes).as_slice()).is_err());
    }
}
