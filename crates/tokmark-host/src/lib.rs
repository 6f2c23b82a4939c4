//! tokmark-host
