//! Checks of Amazon Bedrock, as it is asked before an installation. Pure.

use super::super::check::{Check, Group};
use super::super::checks::bedrock;
use super::PREFLIGHT;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "bedrock-credentials",
        group: Group::Bedrock,
        title: "AWS knows the credentials",
        hint: "set AWS_ACCESS_KEY_ID and its like or AWS_BEARER_TOKEN_BEDROCK, or name a role by --vault-role",
        needs: &[],
        of: PREFLIGHT,
        judge: bedrock::credentials,
    },
    Check {
        id: "bedrock-permission",
        group: Group::Bedrock,
        title: "the credentials may ask the models",
        hint: "allow bedrock:InvokeModel on the model and on its inference profile in each region of that profile",
        needs: &["bedrock-credentials"],
        of: PREFLIGHT,
        judge: bedrock::permission,
    },
    Check {
        id: "bedrock-models",
        group: Group::Bedrock,
        title: "the regions know the models",
        hint: "name a model id or an inference profile of that region by --model",
        needs: &["bedrock-credentials"],
        of: PREFLIGHT,
        judge: bedrock::model,
    },
    Check {
        id: "bedrock-quota",
        group: Group::Bedrock,
        title: "the account has a quota",
        hint: "ask for more in Service Quotas; new accounts begin with next to none",
        needs: &["bedrock-credentials"],
        of: PREFLIGHT,
        judge: bedrock::quota,
    },
    Check {
        id: "bedrock-answers",
        group: Group::Bedrock,
        title: "Bedrock answers",
        hint: "what it said is told; see AWS's health page if it lasts",
        needs: &["bedrock-credentials"],
        of: PREFLIGHT,
        judge: bedrock::answers,
    },
];
