//! tokmark-store
