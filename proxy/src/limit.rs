//! What is admitted.
