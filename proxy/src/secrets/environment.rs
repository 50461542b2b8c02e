//! A secret in an environment variable.

use futures_util::future::{BoxFuture, ready};
use secrecy::SecretSlice;

use super::{SecretError, SecretSource, sized};

/// A secret in an environment variable.
#[derive(Debug)]
pub(super) struct EnvironmentSecret {
    name: String,
}

impl EnvironmentSecret {
    pub(super) fn new(name: String) -> Self {
        Self { name }
    }

    fn now(&self) -> Result<SecretSlice<u8>, SecretError> {
        use std::os::unix::ffi::OsStringExt as _;
        let value = std::env::var_os(&self.name).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| SecretError::NoVariable { name: self.name.clone() })?;
        sized(value.into_vec(), || self.describe())
    }
}

impl SecretSource for EnvironmentSecret {
    fn read(&self) -> BoxFuture<'_, Result<SecretSlice<u8>, SecretError>> {
        Box::pin(ready(self.now()))
    }

    fn describe(&self) -> String {
        format!("the environment variable {}", self.name)
    }
}
