//! The wizard of `compare` on a pseudo terminal, as somebody with a keyboard meets it.

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use pty_process::Size;
use pty_process::blocking::{Command, Pty};
use rustix::termios::{LocalModes, tcgetattr};
use tokmark_gguf::{TinyLlama, tiny_llama};

use crate::support::{Home, signal, wait_for};

const UP: &str = "\x1b[A";
const DOWN: &str = "\x1b[B";
const RIGHT: &str = "\x1b[C";
const LEFT: &str = "\x1b[D";
const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const CTRL_C: &str = "\x03";

/// A program on a terminal of its own.
struct Session {
    pty: Arc<Pty>,
    child: Child,
    seen: Arc<Mutex<Seen>>,
    reader: JoinHandle<()>,
    modes: LocalModes,
}

/// What came from it: every byte, and what a terminal shows of them.
struct Seen {
    bytes: Vec<u8>,
    terminal: vt100::Parser,
}

impl Session {
    /// `compare` with `flags` in `home`, on 24 lines of 80 columns.
    fn start(home: &Home, flags: &[&str], env: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(Size::new(24, 80)).unwrap();
        let modes = tcgetattr(&pty).unwrap().local_modes;
        let mut command = home.command(&["compare"]);
        command.args(flags).env_remove("NO_COLOR").env("TERM", "xterm-256color");
        command.envs(env.iter().copied());
        let child = Command::from(command).spawn(pts).unwrap();
        let terminal = vt100::Parser::new(rows(24), rows(80), 100);
        let seen = Arc::new(Mutex::new(Seen { bytes: Vec::new(), terminal }));
        let pty = Arc::new(pty);
        let reader = std::thread::spawn({
            let (pty, seen) = (Arc::clone(&pty), Arc::clone(&seen));
            move || {
                let mut bytes = [0; 4096];
                // An error is the end: nobody holds the other side any more.
                while let Ok(n @ 1..) = (&*pty).read(&mut bytes) {
                    let mut seen = seen.lock().unwrap();
                    seen.bytes.extend_from_slice(&bytes[..n]);
                    seen.terminal.process(&bytes[..n]);
                }
            }
        });
        Session { pty, child, seen, reader, modes }
    }

    fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    fn resize(&self, lines: u16, columns: u16) {
        let mut seen = self.seen.lock().unwrap();
        seen.terminal.screen_mut().set_size(rows(lines), rows(columns));
        self.pty.resize(Size::new(lines, columns)).unwrap();
    }

    fn screen(&self) -> String {
        self.seen.lock().unwrap().terminal.screen().contents()
    }

    /// Waits until `text` is on the screen, which is returned whole.
    fn until(&mut self, text: &str) -> String {
        let child = &mut self.child;
        let seen = &self.seen;
        wait_for(|| {
            let ended = child.try_wait().unwrap();
            let screen = seen.lock().unwrap().terminal.screen().contents();
            assert!(ended.is_none(), "it ended before {text:?}: {ended:?}\n{screen}");
            screen.contains(text).then_some(screen)
        })
    }

    /// Waits until `text` was written so many times, wherever it stands now.
    fn until_written(&mut self, text: &str, times: usize) {
        let seen = &self.seen;
        wait_for(|| {
            let written = String::from_utf8_lossy(&seen.lock().unwrap().bytes).into_owned();
            (written.matches(text).count() >= times).then_some(())
        });
    }

    /// Waits for the end; exit code, and all that was written. The terminal must be as it was.
    fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        let modes = tcgetattr(&self.pty).unwrap().local_modes;
        self.reader.join().unwrap();
        let seen = self.seen.lock().unwrap();
        let screen = seen.terminal.screen();
        assert_eq!(modes, self.modes, "echo and lines are as before");
        assert!(!screen.alternate_screen() && !screen.hide_cursor(), "{}", screen.contents());
        (code, String::from_utf8_lossy(&seen.bytes).into_owned())
    }
}

fn rows(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

/// A home with three models, `a` to `c` by size, and a page that is none.
fn home() -> Home {
    let home = Home::new();
    for (name, n_layers) in [("a.gguf", 1), ("b.gguf", 2), ("c.gguf", 3)] {
        let shape = TinyLlama { n_layers, n_ctx_train: 2048, ..TinyLlama::default() };
        home.write(name, &tiny_llama(&shape));
    }
    home.write("page.gguf", b"<html></html>");
    home
}

#[test]
fn keys_lead_from_the_models_to_the_results() {
    let home = home();
    let mut session = Session::start(&home, &["--engine", "fake", "--db", "kept.db"], &[]);
    session.until("step 1 of 3");
    // All at once, as typed ahead.
    session.press(&format!(" {DOWN}{DOWN}{UP}j j {DOWN}"));
    let screen = session.until("page can't be chosen");
    assert!(screen.contains("[1] a") && screen.contains("  [2] c"), "{screen}");
    session.press(ENTER);
    session.until("> Context");
    session.press(&format!("5000{DOWN}"));
    session.until("wrong: 5,000 is too many: 256 to 1,920 tokens; a was trained");
    session.press(&format!("{UP}{LEFT}{LEFT}{LEFT}{LEFT}{DOWN}32{DOWN}{RIGHT}{ENTER}"));
    let screen = session.until("step 3 of 3");
    let line = "tokmark compare a.gguf c.gguf --context 256 --generate 32 --repetitions 1";
    assert!(screen.contains(line), "{screen}");
    assert!(screen.contains("--engine fake --db kept.db"), "{screen}");
    session.press(ENTER);
    session.until("goes back to the settings, Enter or q ends");
    session.press("q");
    let (code, written) = session.end();
    assert_eq!(code, Some(0), "{written}");
    assert!(written.contains(&format!("{line} --engine fake --db kept.db")), "{written}");
    assert!(home.path("kept.db").exists());
}

#[test]
fn from_the_results_it_goes_back_to_the_settings() {
    let home = home();
    let flags = ["--engine", "fake", "--db", "kept.db", "--repetitions", "1"];
    let mut session = Session::start(&home, &flags, &[]);
    session.until("step 1 of 3");
    session.press(&format!("j j {ENTER}"));
    session.until("step 2 of 3");
    session.press(&format!("300{DOWN}40{ENTER}"));
    session.until("step 3 of 3");
    session.press(ENTER);
    session.until("goes back to the settings, Enter or q ends");
    session.press(LEFT);
    let screen = session.until("step 2 of 3");
    assert!(screen.contains("[       300]") && screen.contains("[        40]"), "{screen}");
    session.press(LEFT);
    session.press(ESCAPE);
    let screen = session.until("step 1 of 3");
    assert!(screen.contains("[1] b") && screen.contains("[2] c"), "{screen}");
    session.press(&format!("{ENTER}{ENTER}{ENTER}"));
    session.until_written("goes back to the settings, Enter or q ends", 2);
    session.press(CTRL_C);
    session.end();
}

#[test]
fn going_back_keeps_what_was_entered() {
    let home = home();
    let mut session = Session::start(&home, &[], &[]);
    session.until("step 1 of 3");
    session.press(&format!(" j {ENTER}"));
    session.until("step 2 of 3");
    session.press(&format!("300{ENTER}"));
    session.until("step 3 of 3");
    session.press(LEFT);
    session.until("[       300]");
    session.press(ESCAPE);
    let screen = session.until("step 1 of 3");
    assert!(screen.contains("  [1] a") && screen.contains("> [2] b"), "{screen}");
    session.press(&format!("{ENTER}{ENTER}"));
    let screen = session.until("step 3 of 3");
    assert!(screen.contains("--context 300"), "{screen}");
    session.press("q");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn every_way_out_of_every_step_restores_the_terminal() {
    let home = home();
    let steps = [("", "step 1 of 3"), (" j \r", "step 2 of 3"), (" j \r\r", "step 3 of 3")];
    for (keys, step) in steps {
        for (way, code) in [("q", 0), (CTRL_C, 130), ("TERM", 130)] {
            let mut session = Session::start(&home, &[], &[]);
            session.until("step 1 of 3");
            session.press(keys);
            session.until(step);
            match way {
                "TERM" => signal(session.child.id(), way),
                key => session.press(key),
            }
            let (ended, written) = session.end();
            assert_eq!(ended, Some(code), "{step}, {way}: {written}");
        }
    }
}

#[test]
fn another_size_is_drawn_anew() {
    let home = home();
    let mut session = Session::start(&home, &[], &[]);
    session.until("step 1 of 3");
    session.press(" j ");
    session.until("[2] b");
    assert!(session.screen().contains("1 a           2 b"), "{}", session.screen());
    session.resize(30, 36);
    let screen = session.until("context length: 2,048");
    assert!(screen.contains("> [2] b"), "{screen}");
    session.resize(24, 80);
    session.until("1 a           2 b");
    session.press("q");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn nothing_needs_colour_and_a_dumb_terminal_gets_plain_lines() {
    let home = home();
    for (env, mark) in [(("NO_COLOR", "1"), "\x1b[1m"), (("TERM", "dumb"), "\x1b")] {
        let mut session = Session::start(&home, &[], &[env]);
        session.until("> [ ] a");
        session.press("j ");
        session.until("> [1] b");
        session.press("q");
        let (code, written) = session.end();
        assert_eq!(code, Some(0));
        assert!(!written.contains(mark), "{env:?}: {written:?}");
    }
}

#[test]
fn one_model_is_told_what_to_do() {
    let home = Home::new();
    home.tiny();
    let (code, written) = Session::start(&home, &[], &[]).end();
    assert_eq!(code, Some(2), "{written}");
    assert!(written.contains("only one model on this machine"), "{written}");
    assert!(written.contains("tokmark models add"), "{written}");
    assert!(!written.contains('\x1b'), "nobody is asked anything: {written:?}");
}
