//! Images fetched from a URL.
