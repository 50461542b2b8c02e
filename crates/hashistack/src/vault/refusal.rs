//! What Vault's refusals mean, where the status alone does not say it.

use serde::Deserialize;

use crate::transport::{HashistackError, Refusal};

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

/// The sentences of a refusal (Vault's API documentation, "Error response"). Nothing where it has none, or was cut off.
pub(crate) fn words(body: &str) -> Option<String> {
    let Errors { errors } = serde_json::from_str(body).ok()?;
    let sentences: Vec<_> =
        errors.iter().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    Some(sentences.join("; "))
}

impl Refusal {
    /// The server is sealed: it answers nothing until somebody unseals it.
    pub fn is_sealed(&self) -> bool {
        self.status == 503 && self.text.contains("sealed")
    }

    /// A wrapping token that was used already, or has ended: if it was not us who used it, somebody else has the secret.
    pub fn is_wrapping_token_spent(&self) -> bool {
        self.status == 400 && self.text.contains("wrapping token is not valid or does not exist")
    }

    /// A lease or token that lasts as long as it lasts.
    pub fn is_not_renewable(&self) -> bool {
        self.status == 400 && self.text.contains("not renewable")
    }
}

impl HashistackError {
    /// As [`Refusal::is_sealed`].
    pub fn is_sealed(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_sealed)
    }

    /// As [`Refusal::is_wrapping_token_spent`].
    pub fn is_wrapping_token_spent(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_wrapping_token_spent)
    }

    /// As [`Refusal::is_not_renewable`].
    pub fn is_not_renewable(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_not_renewable)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one(r#"{"errors":["permission denied"]}"#, Some("permission denied"))]
    #[case::lines(
        r#"{"errors":["1 error occurred:\n\t* permission denied\n\n","and more"]}"#,
        Some("1 error occurred: * permission denied; and more")
    )]
    #[case::none_of_absence(r#"{"errors":[]}"#, Some(""))]
    #[case::page_of_a_proxy("<html>bad gateway</html>", None)]
    #[case::cut_off(r#"{"errors":["permis"#, None)]
    fn the_sentences_of_a_refusal_are_told_without_their_wrapping(
        #[case] body: &str,
        #[case] told: Option<&str>,
    ) {
        assert_eq!(words(body).as_deref(), told);
    }
}
