use console::Key;
use tokmark_model::{Bytes, ModelFacts};

use super::*;

/// A model as its header would tell.
fn model(name: &str, mib: u64, quantization: &str, n_params: u64, trained: u64) -> Candidate {
    let size = Bytes(mib << 20);
    let facts = ModelFacts {
        name: name.to_owned(),
        file_size_bytes: size,
        quantization: Some(quantization.to_owned()),
        n_params: Some(n_params),
        context_length: Some(trained),
        license: Some("apache-2.0".to_owned()),
        ..ModelFacts::default()
    };
    Candidate { name: name.to_owned(), given: format!("{name}.gguf"), size, facts: Ok(facts) }
}

fn candidates() -> Vec<Candidate> {
    let mut candidates = vec![
        model("SmolLM2-135M-Instruct-Q4_1", 92, "Q4_1", 134_515_008, 8_192),
        model("tiny", 120, "F16", 62_000_000, 512),
        model("Qwen2.5-0.5B-Instruct-Q8_0", 507, "Q8_0", 494_032_768, 32_768),
        model("gemma-3-1b-it-Q4_K_M", 769, "Q4_K", 999_885_952, 32_768),
        model("Llama-3.2-3B-Instruct-Q4_K_M", 1_926, "Q4_K", 3_212_749_888, 131_072),
        model("Mistral-7B-v0.3-Q8_0", 7_346, "Q8_0", 7_248_023_552, 32_768),
    ];
    if let Ok(facts) = &mut candidates[3].facts {
        facts.label = Some("Q4_K_M".to_owned());
        facts.license = None;
    }
    let reason = "not a GGUF file: it looks like an HTML page; check the address, it must lead to \
                  the file itself, and download it again";
    candidates.push(Candidate {
        name: "page".to_owned(),
        given: "page.gguf".to_owned(),
        size: Bytes(1_234),
        facts: Err(reason.to_owned()),
    });
    candidates
}

/// Keys from a word each: `down`, `space`, `enter`, or the letters themselves.
fn keys(words: &str) -> Vec<Key> {
    words
        .split_whitespace()
        .flat_map(|word| match word {
            "up" => vec![Key::ArrowUp],
            "down" => vec![Key::ArrowDown],
            "left" => vec![Key::ArrowLeft],
            "right" => vec![Key::ArrowRight],
            "home" => vec![Key::Home],
            "end" => vec![Key::End],
            "tab" => vec![Key::Tab],
            "space" => vec![Key::Char(' ')],
            "enter" => vec![Key::Enter],
            "esc" => vec![Key::Escape],
            "back" => vec![Key::Backspace],
            "ctrl-c" => vec![Key::CtrlC],
            letters => letters.chars().map(Key::Char).collect(),
        })
        .collect()
}

/// The wizard after `words`, none of which ended it.
fn after(words: &str) -> State {
    let mut state = State::new(candidates(), Preset::default());
    for key in keys(words) {
        assert_eq!(state.key(key), Step::Stay, "{words}");
    }
    state
}

fn screen(words: &str) -> String {
    after(words).screen(80, 24).join("\n")
}

/// What the last of `words` led to.
fn ended(words: &str) -> Step {
    let mut keys = keys(words);
    let last = keys.pop().unwrap();
    let mut state = State::new(candidates(), Preset::default());
    for key in keys {
        assert_eq!(state.key(key), Step::Stay, "{words}");
    }
    state.key(last)
}

fn started(words: &str) -> Choice {
    match ended(words) {
        Step::Start(choice) => choice,
        other => panic!("{words}: {other:?}"),
    }
}

const TWO: &str = "space down down space";
const FOUR: &str = "space j j space j space j space";

#[test]
fn the_first_screen_offers_every_model() {
    insta::assert_snapshot!(screen(""));
}

#[test]
fn the_marked_models_stand_in_a_table_below() {
    insta::assert_snapshot!(screen(TWO));
}

#[test]
fn four_marked_models_fit_a_usual_terminal() {
    insta::assert_snapshot!(screen(FOUR));
}

#[test]
fn what_is_no_model_says_why_and_is_not_marked() {
    insta::assert_snapshot!(screen("end space"));
}

#[test]
fn a_fifth_model_is_not_marked() {
    let screen = screen(&format!("{FOUR} j space"));
    assert!(screen.contains("4 are marked; take one away first."), "{screen}");
    assert!(screen.contains("> [ ] Mistral"), "{screen}");
}

#[test]
fn one_model_is_not_enough_to_go_on() {
    let screen = screen("space enter");
    assert!(screen.contains("step 1 of 3"), "{screen}");
    assert!(screen.contains("Mark 1 more with Space first."), "{screen}");
}

#[test]
fn marks_keep_their_order_and_can_be_taken_away() {
    assert!(screen("down space up space").contains("  [1] tiny"));
    assert!(screen("down space up space").contains("> [2] SmolLM2"));
    assert!(screen("down space up space down space").contains("  [1] SmolLM2"));
    let choice = started("down space up space enter left enter enter");
    assert_eq!(choice.models, ["tiny.gguf", "SmolLM2-135M-Instruct-Q4_1.gguf"]);
}

#[test]
fn a_filter_hides_and_keeps_marks() {
    insta::assert_snapshot!(screen("space / Q8"));
    let filtered = screen("space / q8 enter down space");
    assert!(filtered.contains("> [2] Mistral") && filtered.contains("Filter: q8"), "{filtered}");
    let kept = screen("space / q8 enter down space esc");
    assert!(kept.contains("  [1] SmolLM2") && kept.contains("> [2] Mistral"), "{kept}");
    let nothing = screen("/ zzz enter space");
    assert!(nothing.contains("> no name has this in it"), "{nothing}");
    assert!(nothing.contains("0 chosen"), "{nothing}");
    assert!(screen("/ q back back back").contains("Space marks"));
}

#[test]
fn the_settings_begin_with_the_usual_figures() {
    insta::assert_snapshot!(screen(&format!("{TWO} enter")));
}

#[test]
fn a_wrong_figure_says_its_range_at_once_and_holds_the_step() {
    insta::assert_snapshot!(screen(&format!("{TWO} enter 5000")));
    let held = screen(&format!("{TWO} enter 5000 down enter"));
    assert!(held.contains("step 2 of 3") && held.contains("Not yet"), "{held}");
    assert!(held.contains("> Context"), "the cursor goes to what is wrong: {held}");
    let few = screen(&format!("{TWO} enter down 31"));
    assert!(few.contains("wrong: 31 is too few: 32 to 256 tokens"), "{few}");
    let none = screen(&format!("{TWO} enter back back back"));
    assert!(none.contains("wrong: type a number: 256 to 4,096 tokens"), "{none}");
    let many = screen(&format!("{TWO} enter tab tab 6"));
    assert!(many.contains("wrong: 6 is too many: 1 to 5, or adaptive"), "{many}");
    let letter = screen(&format!("{TWO} enter x"));
    assert!(letter.contains("Only digits can be typed here."), "{letter}");
}

#[test]
fn a_model_trained_for_less_bounds_the_context() {
    insta::assert_snapshot!(screen("space down space enter 1024"));
    let bounded = |words: &str| started(&format!("space down space enter {words} enter enter"));
    assert_eq!(bounded("right right right").context, 384);
    let choice = bounded("256 down 256");
    assert_eq!((choice.context, choice.generate), (256, 256));
    let more = screen("space down space enter 384 down 129 enter");
    assert!(more.contains("wrong: 384 is too many: 256 to 383 tokens; tiny"), "{more}");
    let freed = started("space down space enter 1024 esc space down space enter enter enter");
    assert_eq!(freed.context, 1024, "what was typed stays, and is right without that model");
}

#[test]
fn arrows_change_figures_within_their_ranges() {
    let changed = |words: &str| started(&format!("{TWO} enter {words} enter enter"));
    assert_eq!(changed("right").context, 1024);
    assert_eq!(changed("right right right right right").context, 4096);
    assert_eq!(changed("left left left").context, 256);
    assert_eq!(changed("700 left").context, 512);
    assert_eq!(changed("9999 left").context, 4096);
    assert_eq!(changed("back back back right").context, 256);
    assert_eq!(changed("down right right").generate, 256);
    assert_eq!(changed("down left left left").generate, 32);
    assert_eq!(changed("down down left").repetitions, None);
    assert_eq!(changed("down down right right").repetitions, Some(2));
    assert_eq!(changed("down down 1 left").repetitions, None);
    assert_eq!(changed("down down 5 right").repetitions, Some(5));
    assert_eq!(changed("down down 3 a").repetitions, None);
    assert_eq!(changed("down down back 4").repetitions, Some(4));
}

#[test]
fn the_last_step_shows_all_and_the_command_that_repeats_it() {
    insta::assert_snapshot!(screen(&format!("{TWO} enter down down 3 enter")));
}

#[test]
fn the_last_step_with_four_models_fits_a_usual_terminal() {
    let mut candidates = candidates();
    candidates[0].given = "/models of mine/SmolLM2-135M-Instruct-Q4_1.gguf".to_owned();
    let flags = ["--db", "my.db"].map(str::to_owned).to_vec();
    let mut state = State::new(candidates, Preset { flags, ..Preset::default() });
    for key in keys(&format!("{FOUR} enter enter")) {
        state.key(key);
    }
    insta::assert_snapshot!(state.screen(80, 24).join("\n"));
}

#[test]
fn going_back_and_forth_loses_nothing() {
    let there = format!("{TWO} enter 1024 down 64 down 2 enter");
    let expected = started(&format!("{there} enter"));
    assert_eq!((expected.context, expected.generate, expected.repetitions), (1024, 64, Some(2)));
    for back in ["back", "left", "esc"] {
        assert_eq!(started(&format!("{there} {back} esc enter enter enter")), expected, "{back}");
    }
    let wrong = screen(&format!("{TWO} enter 5000 esc enter"));
    assert!(wrong.contains("[      5000]"), "what is wrong is kept too: {wrong}");
}

#[test]
fn every_step_can_be_left() {
    for step in ["", TWO, &format!("{TWO} enter"), &format!("{TWO} enter enter")] {
        for leave in ["q", "ctrl-c"] {
            assert_eq!(ended(&format!("{step} {leave}")), Step::Leave, "{step}");
        }
    }
    assert_eq!(ended("/ q ctrl-c"), Step::Leave);
    let stays = screen("esc");
    assert!(stays.contains("This is the first step; q leaves."), "{stays}");
}

#[test]
fn what_was_given_on_the_command_line_is_where_the_wizard_begins() {
    let flags = vec!["--cold".to_owned()];
    let preset = Preset { context: 1024, generate: 64, repetitions: Some(5), flags };
    let mut state = State::new(candidates(), preset);
    for key in keys(&format!("{TWO} enter enter")) {
        state.key(key);
    }
    let screen = state.screen(200, 40).join("\n");
    let line = "--context 1024 --generate 64 --repetitions 5 --cold";
    assert!(screen.contains(line), "{screen}");
}

#[test]
fn every_screen_fits_every_terminal() {
    let steps = [
        "",
        FOUR,
        "end space",
        "/ q8",
        &format!("{FOUR} enter"),
        &format!("{TWO} enter 99999 enter"),
        "space down space enter 4000",
        &format!("{FOUR} enter enter"),
    ];
    for step in steps {
        let state = after(step);
        for (width, height) in [(80, 24), (60, 20), (40, 24), (30, 12), (20, 8), (8, 4), (1, 1)] {
            let lines = state.screen(width, height);
            assert!(lines.len() <= height, "{step}, {width} x {height}: {lines:#?}");
            for line in &lines {
                let columns = console::measure_text_width(line);
                assert!(columns <= width, "{step}, {width} x {height}: {line:?}");
                assert_eq!(line.trim_end(), line, "{step}");
            }
            if height >= 8 {
                let marked = lines.iter().filter(|line| line.starts_with('>')).count();
                assert_eq!(marked, 1, "{step}, {width} x {height}: {lines:#?}");
            }
        }
    }
}

#[test]
fn a_narrow_terminal_has_the_models_one_below_the_other() {
    insta::assert_snapshot!(after(TWO).screen(34, 40).join("\n"));
    insta::assert_snapshot!(after(&format!("{TWO} enter 5000")).screen(34, 20).join("\n"));
    insta::assert_snapshot!(after(&format!("{TWO} enter enter")).screen(34, 40).join("\n"));
}

#[test]
fn a_long_list_scrolls_with_the_cursor() {
    let many: Vec<Candidate> =
        (0..40).map(|n| model(&format!("model-{n:02}"), n + 1, "Q8_0", 1_000_000, 4_096)).collect();
    let mut state = State::new(many, Preset::default());
    for key in keys("space down space end up up") {
        state.key(key);
    }
    insta::assert_snapshot!(state.screen(80, 24).join("\n"));
}

#[test]
fn names_from_headers_and_files_move_no_cursor() {
    let mut candidates = candidates();
    candidates[0].name = "a\u{1b}[2Jb\n".to_owned();
    candidates[0].given = "a\u{1b}[2Jb\n.gguf".to_owned();
    candidates[6].facts = Err("damaged \u{7}".to_owned());
    let mut state = State::new(candidates, Preset::default());
    for key in keys("space down down space end enter enter") {
        assert!(!state.screen(80, 24).concat().contains(char::is_control));
        state.key(key);
    }
    let last = state.screen(80, 24).concat();
    assert!(!last.contains(char::is_control) && last.contains("step 3"), "{last}");
}

/// A terminal that follows a script.
struct Script {
    events: Vec<Event>,
    drawn: Vec<Vec<String>>,
}

impl Terminal for Script {
    fn size(&self) -> io::Result<(usize, usize)> {
        Ok((80, 24))
    }

    fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        self.drawn.push(lines.to_vec());
        Ok(())
    }

    fn next(&mut self) -> io::Result<Event> {
        match self.events.is_empty() {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(self.events.remove(0)),
        }
    }
}

fn asked(events: Vec<Event>) -> (io::Result<Option<Choice>>, usize) {
    let mut script = Script { events, drawn: Vec::new() };
    let choice = ask(&mut script, State::new(candidates(), Preset::default()));
    (choice, script.drawn.len())
}

#[test]
fn the_driver_draws_before_each_key_and_again_after_a_resize() {
    let events = |words: &str| keys(words).into_iter().map(Event::Key).collect::<Vec<_>>();
    let mut all = vec![Event::Resized];
    all.extend(events(&format!("{TWO} enter enter enter")));
    let (choice, n_drawn) = asked(all);
    assert_eq!(choice.unwrap().unwrap().models.len(), 2);
    assert_eq!(n_drawn, 8);
    assert_eq!(asked(events("q")).0.unwrap(), None);
    assert_eq!(asked(vec![Event::Stopped]).0.unwrap(), None);
    assert!(asked(Vec::new()).0.is_err(), "a terminal that is gone is an error");
}
