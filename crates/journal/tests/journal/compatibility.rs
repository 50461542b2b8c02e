//! Records of later versions are kept, read as far as they are known, and shipped as they are.

use nova_journal::body::{CallEnded, CallIntended};
use nova_journal::{
    Adoption, Chain, Durability, Journal, Kind, NewRecord, Reader, Verification, adopt, verify,
};

use crate::bed::{config, folder, read_all};

#[tokio::test]
async fn records_of_later_versions_go_their_way_unchanged() {
    let root = tempfile::tempdir().unwrap();
    let config = config(root.path(), 4096);
    let journal = Journal::create(config.clone()).unwrap();
    let id = journal.id();
    // A kind that nobody knows, in no form that anybody knows; and a known kind with fields of a version far ahead.
    let unknown = NewRecord { kind: Kind(40_000), version: 900, time_us: u64::MAX, body: vec![0, 0xff, 7] };
    let later =
        br#"{"call":"c-7","end":"completed","usage":{"inputTokens":9007199254740993},"carbon":{"grams":2}}"#;
    let ended = NewRecord::now(Kind::CALL_ENDED, 31, later.to_vec());
    journal.append(unknown.clone(), Durability::Written).await.unwrap();
    journal.append(ended, Durability::Committed).await.unwrap();
    drop(journal);

    let mut chain = Chain::new(id);
    let records = read_all(Reader::of(root.path(), id, 1));
    for record in &records {
        // Shipped as it is, and checked on the other side without being understood.
        assert_eq!(chain.accept(record.frame()).unwrap().body(), record.body());
    }
    assert_eq!((records[1].kind(), records[1].version()), (Kind(40_000), 900));
    assert_eq!((records[1].body(), records[1].time_us()), (&unknown.body[..], u64::MAX));
    let read: CallEnded = records[2].read().unwrap();
    assert_eq!(read.usage.as_ref().unwrap()["inputTokens"], 9_007_199_254_740_993_u64);
    assert_eq!(read.rest["carbon"]["grams"], 2);
    assert_eq!(serde_json::to_vec(&read).unwrap(), later);
    assert!(records[1].read::<CallIntended>().is_err());

    // The journal's own work passes over them.
    let adopted = loop {
        match adopt(&config, id) {
            Err(nova_journal::OpenError::InUse(_)) => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    let Adoption::Ended { head, .. } = adopted else { panic!("{adopted:?}") };
    let known = Verification { journal: None, heads: vec![chain.head(), head] };
    let report = verify(&folder(root.path(), id), &known, &mut |_| ()).unwrap();
    assert!(report.is_sound() && report.unverified == 0, "{report}");
}
