//! Against values of others.

use super::*;
