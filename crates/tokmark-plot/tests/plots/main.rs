//! Plots as their users see them.

mod agreement;
mod images;
mod picture;
mod properties;
mod refusals;
mod samples;
mod snapshots;
