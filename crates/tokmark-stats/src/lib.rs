//! tokmark-stats
