//! From what is to be done to the operations of its transaction.

use nova_config::{CANDIDATE, CANDIDATE_FORMAT, Candidate};
use nova_hashistack::consul::TxnOperation;

use super::CanaryStoreError;
use crate::change::{Edit, plan};
use crate::config_canary::phase::Act;
use crate::config_canary::record::{ConfigCanary, Outcome, Phase};
use crate::documents::{CONFIG, StoredDocuments, Texts};
use crate::history::Authorship;
use crate::store::{ConfigStore, step};

/// The operations; nothing where the keys are not what the act was decided upon.
pub(super) async fn operations(
    documents: &ConfigStore,
    record: &mut ConfigCanary,
    act: &Act,
) -> Result<Option<Vec<TxnOperation>>, CanaryStoreError> {
    let key = |name: &str| format!("{}/{name}", documents.prefix());
    let candidate = key(CANDIDATE);
    match act {
        Act::Nothing => Ok(Some(Vec::new())),
        Act::Begin { replaces } => {
            let Some(value) = candidate_of(record) else { return Ok(None) };
            let config = TxnOperation::CheckIndex { key: key(CONFIG), modify_index: record.push.base_index };
            let put = TxnOperation::Cas { key: candidate, value: value.to_value()?, modify_index: *replaces };
            Ok(Some(vec![config, put]))
        }
        Act::TakeAway { modify_index } => {
            Ok(Some(vec![TxnOperation::DeleteCas { key: candidate, modify_index: *modify_index }]))
        }
        Act::Promote { modify_index } => {
            let (past, stored) = documents.basis().await?;
            if config_index(&stored) != Some(record.push.base_index) {
                return Ok(None);
            }
            // One that is gone would be no conflict for the deletion.
            let ours = TxnOperation::CheckIndex { key: candidate.clone(), modify_index: *modify_index };
            let gone = TxnOperation::DeleteCas { key: candidate, modify_index: *modify_index };
            let edit = Edit {
                put: Texts::from([(CONFIG.to_owned(), record.push.config.clone())]),
                ..Edit::default()
            };
            let newest = past.numbers.last().copied().unwrap_or_default();
            let planned = plan(&stored, &edit, &past, &authorship(record));
            let number = planned.as_ref().map_or(newest, |planned| planned.record.n);
            if let Phase::Ended { outcome: Outcome::Promoted { history, .. } } = &mut record.phase {
                *history = number;
            }
            let change = planned.iter().flat_map(|planned| planned.operations.iter().map(step));
            Ok(Some([ours, gone].into_iter().chain(change).collect()))
        }
    }
}

fn candidate_of(record: &ConfigCanary) -> Option<Candidate> {
    let trial = record.trial.as_ref()?;
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Some(Candidate {
        format: CANDIDATE_FORMAT,
        id: record.id.clone(),
        base_index: record.push.base_index,
        share_percent: record.push.share_percent,
        ring: trial.ring.clone(),
        begun_at_ms: u64::try_from(trial.at.as_millisecond()).unwrap_or_default(),
        max_age_ms: millis(record.push.max_age),
        config: record.push.config.clone(),
    })
}

fn config_index(stored: &StoredDocuments) -> Option<u64> {
    stored.documents().get(CONFIG).map(|document| document.modify_index)
}

/// The author is who wanted it; who let it become the configuration is in the message.
fn authorship(record: &ConfigCanary) -> Authorship {
    let by = match &record.phase {
        Phase::Ended { outcome: Outcome::Promoted { by, .. } } => by.as_str(),
        _ => "nobody",
    };
    let said = record.message.as_ref().map(|message| format!("{message} ")).unwrap_or_default();
    Authorship {
        author: record.author.clone(),
        message: Some(format!("{said}(candidate {}, promoted by {by})", record.id)),
        at: record.entered_at.round(jiff::Unit::Second).unwrap_or(record.entered_at).to_string(),
    }
}
