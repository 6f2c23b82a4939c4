use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokmark_hub::Progress;
use tokmark_model::Bytes;
use tokmark_run::Interrupt;

/// A download's progress on standard error; off a terminal one line a file.
pub(crate) struct DownloadBar {
    bar: ProgressBar,
    interrupt: Interrupt,
}

impl DownloadBar {
    pub(crate) fn new(interrupt: Interrupt) -> Self {
        DownloadBar { bar: ProgressBar::hidden(), interrupt }
    }
}

impl Progress for DownloadBar {
    fn started(&mut self, name: &str, total: Option<Bytes>) {
        if !std::io::stderr().is_terminal() {
            let size = total.map_or_else(String::new, |size| format!(" ({size})"));
            crate::output::say!("fetching {name}{size}");
            return;
        }
        let template = "{msg} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left";
        let style = ProgressStyle::with_template(template).expect("the template is constant");
        let target = ProgressDrawTarget::stderr_with_hz(5);
        self.bar = ProgressBar::with_draw_target(total.map(Bytes::get), target).with_style(style);
        self.bar.set_message(format!("fetching {name}"));
    }

    fn advanced(&mut self, bytes: Bytes) {
        self.bar.inc(bytes.get());
    }

    fn waiting(&mut self, text: &str) {
        if self.bar.is_hidden() {
            crate::output::say!("{text}");
        } else {
            self.bar.set_message(text.to_owned());
        }
    }

    fn done(&mut self) {
        self.bar.finish_and_clear();
    }

    fn cancelled(&self) -> bool {
        self.interrupt.is_raised()
    }
}
