//! Tokens as Consul tells of them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

/// A token that was made just now: nobody tells its secret a second time.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IssuedToken {
    /// Its public name.
    #[serde(rename = "AccessorID")]
    pub accessor: String,
    /// What calls send.
    #[serde(rename = "SecretID", deserialize_with = "secret")]
    pub secret: SecretString,
    create_time: Timestamp,
    #[serde(default)]
    expiration_time: Option<Timestamp>,
}

/// The token that a call was sent with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnToken {
    /// Its public name.
    #[serde(rename = "AccessorID")]
    pub accessor: String,
    /// What it is for, in words.
    #[serde(default)]
    pub description: String,
    /// The auth method of the login that made it; absent for others.
    #[serde(default)]
    pub auth_method: Option<String>,
    /// When it ends; absent where it has no end.
    #[serde(default)]
    pub expiration_time: Option<Timestamp>,
    /// Its policies.
    #[serde(default, deserialize_with = "crate::consul::agent_service::or_default")]
    pub policies: Vec<Link>,
    /// Its roles, whose policies it has too.
    #[serde(default, deserialize_with = "crate::consul::agent_service::or_default")]
    pub roles: Vec<Link>,
}

/// A policy or a role, as a token names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Link {
    /// Its id, which stays.
    #[serde(rename = "ID")]
    pub id: String,
    /// Its name, which may change.
    pub name: String,
}

impl IssuedToken {
    /// How long the token lasts, by the server's clock alone; nothing where it has no end.
    pub fn lifetime(&self) -> Option<Duration> {
        let ends = self.expiration_time?;
        // A token that ended before it began lasts no time.
        Some(Duration::try_from(ends.duration_since(self.create_time)).unwrap_or_default())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

fn secret<'de, D: Deserializer<'de>>(reader: D) -> Result<SecretString, D::Error> {
    String::deserialize(reader).map(SecretString::from)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn token(ends: &str) -> IssuedToken {
        let text = format!(
            r#"{{"AccessorID":"a","SecretID":"very-secret","Description":"token created via login","AuthMethod":"nova-workloads",
            "Local":true,"CreateTime":"2026-03-01T10:00:00.5Z",{ends}"Hash":"x","CreateIndex":1,"ModifyIndex":1}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_token_of_a_login_is_read_as_consul_writes_it_and_never_shows() {
        let token = token("\"ExpirationTime\":\"2026-03-01T11:00:00.5+00:00\",");
        assert_eq!((token.accessor.as_str(), token.secret.expose_secret()), ("a", "very-secret"));
        assert_eq!(token.lifetime(), Some(Duration::from_secs(3600)));
        assert!(!format!("{token:?}").contains("very-secret"));
    }

    #[test]
    fn a_token_without_an_end_has_no_lifetime_and_one_that_ended_before_it_began_has_none_left() {
        assert_eq!(token("").lifetime(), None);
        assert_eq!(token("\"ExpirationTime\":\"2026-03-01T09:00:00Z\",").lifetime(), Some(Duration::ZERO));
    }

    #[test]
    fn an_own_token_is_read_with_its_policies() {
        let text = r#"{"AccessorID":"a","SecretID":"s","Description":"","Policies":[{"ID":"p","Name":"proxy"}],"Roles":null}"#;
        let own: OwnToken = serde_json::from_str(text).unwrap();
        assert_eq!(own.policies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["proxy"]);
        assert!(own.roles.is_empty() && own.auth_method.is_none());
    }
}
