//! tokmark-run
