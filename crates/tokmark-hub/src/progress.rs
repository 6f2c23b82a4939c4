//! What a caller is told while a model is fetched.

use tokmark_model::Bytes;

/// Receives what happens during [`crate::Hub::resolve`] and its like, in this order:
/// any number of `waiting`; `started`, then `advanced` as bytes come, then `done`. A
/// model of several files runs through that once per file. A file that has to begin
/// anew is `started` again. Nothing is called for a model that is here already.
///
/// A method may block: the download stands still meanwhile.
pub trait Progress {
    /// The file `name` is being fetched. `total` is its whole size, `None` when the
    /// server does not say. What an earlier call left behind follows as the first
    /// [`advanced`](Self::advanced).
    fn started(&mut self, name: &str, total: Option<Bytes>);

    /// So many more bytes of the file are on the disk.
    fn advanced(&mut self, bytes: Bytes);

    /// Nothing moves for the reason in `text`: another process is fetching the same
    /// file, or the server asked for patience. One sentence without a final stop.
    fn waiting(&mut self, text: &str);

    /// The file is whole, checked and in place.
    fn done(&mut self);

    /// Whether to stop. Asked a few times a second; after `true` the call ends with
    /// [`crate::HubError::Cancelled`] and the next one goes on from where it stopped.
    fn cancelled(&self) -> bool {
        false
    }
}

/// A [`Progress`] that shows nothing and never stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn started(&mut self, _name: &str, _total: Option<Bytes>) {}
    fn advanced(&mut self, _bytes: Bytes) {}
    fn waiting(&mut self, _text: &str) {}
    fn done(&mut self) {}
}
