//! Variables: small encrypted maps in Nomad's own store, changed by comparison.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::transport::{Answer, Call, HashistackError, Transport};

/// The most that the names and values of one variable may have together (`maxVariableSize` in `nomad/structs/variables.go`).
pub const MAX_VARIABLE: usize = 64 * 1024;

/// The variables of a client, in its namespace.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'c> {
    transport: &'c Transport,
}

/// A variable. Its values are secrets; its names are not.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Variable {
    /// Where it is.
    pub path: String,
    /// The index to compare with at the next write.
    pub modify_index: u64,
    /// Its values by their names.
    pub items: BTreeMap<String, SecretString>,
}

/// What became of a write that compares.
#[derive(Debug, Clone)]
pub enum VariableWrite {
    /// It was written. This is its new index.
    Written(u64),
    /// Somebody else has written or deleted it since: this is what is there now, with the index 0 where nothing is.
    Conflict(Variable),
}

impl fmt::Debug for Variable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.items.keys().collect();
        formatter
            .debug_struct("Variable")
            .field("path", &self.path)
            .field("modify_index", &self.modify_index)
            .field("names", &names)
            .finish_non_exhaustive()
    }
}

/// A variable without its values, as lists have it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    path: String,
}

/// A variable that was written, or was found in place of the expected one. A conflict may leave the values out, where the token may
/// write and not read.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    path: String,
    modify_index: u64,
    #[serde(default)]
    items: Option<BTreeMap<String, SecretString>>,
}

impl From<Found> for Variable {
    fn from(found: Found) -> Self {
        Self { path: found.path, modify_index: found.modify_index, items: found.items.unwrap_or_default() }
    }
}

impl<'c> Variables<'c> {
    pub(super) fn new(transport: &'c Transport) -> Self {
        Self { transport }
    }

    /// One variable; nothing where there is none.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn read(&self, path: &str) -> Result<Option<Variable>, HashistackError> {
        let answer = self.transport.send(&Call::get("/v1/var").path(path)?.accepting(&[404])).await?;
        if answer.head.status == 404 {
            return Ok(None);
        }
        answer.json().map(Some)
    }

    /// The paths that begin so, as far as the token may list them.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, HashistackError> {
        let call = Call::get("/v1/vars").query("prefix", prefix.to_owned());
        let listed: Vec<Listed> = self.transport.send(&call).await?.json()?;
        Ok(listed.into_iter().map(|variable| variable.path).collect())
    }

    /// Writes a variable if its index is still this one; 0: if there is none.
    ///
    /// # Errors
    /// When it is too large, there is no answer, or a refusal. Without an answer it may have been written: read it again.
    pub async fn write(
        &self,
        path: &str,
        items: &BTreeMap<String, SecretString>,
        index: u64,
    ) -> Result<VariableWrite, HashistackError> {
        let size: usize = items.iter().map(|(name, value)| name.len() + value.expose_secret().len()).sum();
        if size > MAX_VARIABLE {
            return Err(HashistackError::Invalid {
                what: format!(
                    "the variable {path} would have {size} bytes, and nomad takes {MAX_VARIABLE}: part it"
                ),
            });
        }
        let items: BTreeMap<&str, &str> =
            items.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        let body = serde_json::json!({ "Path": path, "Items": items });
        let call = Call::put("/v1/var").path(path)?.query("cas", index.to_string()).json(&body)?;
        let answer = self.transport.send(&call.accepting(&[409])).await?;
        let found: Found = answer.json()?;
        Ok(if answer.head.status == 409 {
            VariableWrite::Conflict(found.into())
        } else {
            VariableWrite::Written(found.modify_index)
        })
    }

    /// Deletes a variable if its index is still this one. Says what is there instead where it is not.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn delete(&self, path: &str, index: u64) -> Result<Option<Variable>, HashistackError> {
        let call = Call::delete("/v1/var").path(path)?.query("cas", index.to_string());
        let answer: Answer = self.transport.send(&call.accepting(&[409])).await?;
        if answer.head.status != 409 {
            return Ok(None);
        }
        answer.json::<Found>().map(|found| Some(found.into()))
    }
}
