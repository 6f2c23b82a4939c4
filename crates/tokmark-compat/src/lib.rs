//! tokmark-compat
