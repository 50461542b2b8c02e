//! The key-value store: reads with their index, writes with and without a condition.
//!
//! `recurse` is sent for prefixes alone, and by its presence: Consul does not look at its value, so that `recurse=false` on
//! a DELETE removes everything whose name begins like the key.

use bytes::Bytes;

use super::entry::KvEntry;
use super::indexed::{Consistency, Indexed};
use crate::transport::{Answer, Call, HashistackError, MAX_ANSWER, Transport};

/// The largest answer to a read of a whole prefix, in bytes of JSON.
///
/// Twice that of other calls: values grow by a third in base64, so that this holds 24 MiB of them, 48 values of the largest
/// size. An atomic change of several keys has at most 512 KiB (`txn_max_req_len`). A prefix with more than this is read by its
/// keys, one value at a time.
pub const MAX_PREFIX_ANSWER: usize = 2 * MAX_ANSWER;

/// The key-value store of a client.
#[derive(Debug, Clone, Copy)]
pub struct Kv<'c> {
    transport: &'c Transport,
}

impl<'c> Kv<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// Reads one key; nothing where it is absent, which has an index too.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn get(
        &self,
        key: &str,
        consistency: Consistency,
    ) -> Result<Indexed<Option<KvEntry>>, HashistackError> {
        let answer = self.transport.send(&consistency.of(read(key)?)).await?;
        let entries = entries(&answer)?;
        Ok(entries.map(|entries| entries.into_iter().next()))
    }

    /// Reads every key that begins with `prefix`, in the order of their names. A prefix is no folder: `nova/a` covers
    /// `nova/ab`.
    ///
    /// An empty list is no proof that nothing is there: Consul leaves out in silence what the token may not read.
    ///
    /// # Errors
    /// When there is no answer, or a refusal, or more than [`MAX_PREFIX_ANSWER`].
    pub async fn list(
        &self,
        prefix: &str,
        consistency: Consistency,
    ) -> Result<Indexed<Vec<KvEntry>>, HashistackError> {
        entries(&self.transport.send(&consistency.of(read_prefix(prefix)?)).await?)
    }

    /// The names of the keys that begin with `prefix`.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn keys(
        &self,
        prefix: &str,
        consistency: Consistency,
    ) -> Result<Indexed<Vec<String>>, HashistackError> {
        let call = consistency.of(Call::get("/v1/kv").path(prefix)?.flag("keys").accepting(&[404]));
        let answer = self.transport.send(&call.max_answer(MAX_PREFIX_ANSWER)).await?;
        let keys = if answer.head.status == 404 { Vec::new() } else { answer.json()? };
        Ok(Indexed::new(&answer.head, keys))
    }

    /// Writes a value, whatever is there.
    ///
    /// # Errors
    /// When there is no answer, or a refusal; 413 for a value over 512 KiB (`kv_max_value_size`).
    pub async fn put(&self, key: &str, value: impl Into<Bytes>) -> Result<(), HashistackError> {
        // Without a condition Consul answers `true` or an error; `false` is for locks.
        self.confirmed(Call::put("/v1/kv").path(key)?.body(value)).await.map(drop)
    }

    /// Writes a value if the key's `modify_index` is still this one; zero means that the key must be absent. False when it is
    /// not: somebody else wrote first.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn put_cas(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        modify_index: u64,
    ) -> Result<bool, HashistackError> {
        let call = Call::put("/v1/kv").path(key)?.query("cas", modify_index.to_string()).body(value);
        self.confirmed(call).await
    }

    /// Locks a key for a session and writes a value. False when another session holds it, or its lock delay has not passed.
    ///
    /// # Errors
    /// As [`Self::put`], and 500 for a session that is gone.
    pub async fn acquire(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        session: &str,
    ) -> Result<bool, HashistackError> {
        self.confirmed(Call::put("/v1/kv").path(key)?.query("acquire", session.to_owned()).body(value)).await
    }

    /// Gives a key's lock back and writes a value. False when the session does not hold it.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn release(
        &self,
        key: &str,
        value: impl Into<Bytes>,
        session: &str,
    ) -> Result<bool, HashistackError> {
        self.confirmed(Call::put("/v1/kv").path(key)?.query("release", session.to_owned()).body(value)).await
    }

    /// Removes one key. To remove an absent one is no error.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn delete(&self, key: &str) -> Result<(), HashistackError> {
        self.confirmed(Call::delete("/v1/kv").path(key)?).await.map(drop)
    }

    /// Removes one key if its `modify_index` is still this one. False when it is not.
    ///
    /// # Errors
    /// As [`Self::delete`], and for an index of zero, which Consul takes for no condition at all.
    pub async fn delete_cas(&self, key: &str, modify_index: u64) -> Result<bool, HashistackError> {
        if modify_index == 0 {
            let what = format!("{key:?} cannot be removed at index 0, which is no condition; read it first");
            return Err(HashistackError::Invalid { what });
        }
        let call = Call::delete("/v1/kv").path(key)?.query("cas", modify_index.to_string());
        self.confirmed(call).await
    }

    /// Removes every key below a folder.
    ///
    /// # Errors
    /// As [`Self::delete`], and for a prefix that does not end with a slash: `nova/a` would take `nova/ab` along.
    pub async fn delete_tree(&self, folder: &str) -> Result<(), HashistackError> {
        if !folder.ends_with('/') {
            let what = format!("{folder:?} is no folder: end it with a slash to remove all that is below it");
            return Err(HashistackError::Invalid { what });
        }
        self.confirmed(Call::delete("/v1/kv").path(folder)?.flag("recurse")).await.map(drop)
    }

    /// A write that is answered with `true`, or with `false` when its condition did not hold.
    async fn confirmed(&self, call: Call) -> Result<bool, HashistackError> {
        self.transport.send(&call).await?.json()
    }
}

/// A read of one key.
pub(super) fn read(key: &str) -> Result<Call, HashistackError> {
    Ok(Call::get("/v1/kv").path(key)?.accepting(&[404]))
}

/// A read of all keys with a prefix.
pub(super) fn read_prefix(prefix: &str) -> Result<Call, HashistackError> {
    Ok(read(prefix)?.flag("recurse").max_answer(MAX_PREFIX_ANSWER))
}

/// The entries of an answer; 404 is an empty one, whose index is as good as any.
pub(super) fn entries(answer: &Answer) -> Result<Indexed<Vec<KvEntry>>, HashistackError> {
    let entries = if answer.head.status == 404 { Vec::new() } else { answer.json()? };
    Ok(Indexed::new(&answer.head, entries))
}
