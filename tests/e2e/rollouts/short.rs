//! The short version of the ten updates: one good, one bad.

use super::stack::Kind;
use super::updates::{Course, SHORT_POLICY};

#[tokio::test]
async fn a_good_canary_is_promoted_and_a_bad_one_is_stopped_without_a_request_that_the_update_fails() {
    let mut course = Course::begin("canary", SHORT_POLICY).await.unwrap();
    course.update("0.1.1", Kind::Good).await.unwrap();
    course.update("0.1.2", Kind::Failing).await.unwrap();
    course.end().await.unwrap();
}
