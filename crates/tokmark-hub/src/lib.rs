//! tokmark-hub
