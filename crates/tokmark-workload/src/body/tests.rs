use super::*;
use crate::random::Purpose;

const STYLES: [Style; 6] =
    [Style::Chat, Style::Documents, Style::Code, Style::Agent, Style::System, Style::Result];

fn random(n: u64) -> Random {
    Random::new(n, Purpose::OwnText, &[])
}

fn text(units: &[Unit]) -> String {
    units.iter().map(|unit| format!("{}{}", unit.lead, unit.text)).collect()
}

#[test]
fn no_place_for_a_word_is_left_empty() {
    for style in STYLES {
        let mut body = Body::new(style, random(1));
        let text = text(body.units(1000)) + &style.ask(&mut random(2));
        assert!(!text.contains('%'), "{style:?}");
    }
}

#[test]
fn every_template_names_known_places_only() {
    let files = [
        include_str!("../text/prose.txt"),
        include_str!("../text/tasks.txt"),
        include_str!("../text/rules.txt"),
        include_str!("../text/results.txt"),
        include_str!("../text/titles.txt"),
        include_str!("../text/asks_chat.txt"),
        include_str!("../text/asks_documents.txt"),
        include_str!("../text/asks_code.txt"),
        include_str!("../text/asks_agent.txt"),
        include_str!("../text/code.txt"),
    ];
    for file in files {
        for place in file.split('%').skip(1).step_by(2) {
            let template = Template::parse(Box::leak(format!("%{place}%").into_boxed_str()));
            assert_ne!(template.fill(&mut random(1)), place, "%{place}% is no place");
        }
    }
}

#[test]
fn more_units_do_not_change_the_earlier_ones() {
    for style in STYLES {
        let mut little = Body::new(style, random(7));
        let mut much = Body::new(style, random(7));
        let few = little.units(5).to_vec();
        assert_eq!(few, much.units(200)[..5]);
    }
}

#[test]
fn sentences_vary() {
    let mut body = Body::new(Style::Chat, random(3));
    let units = body.units(500);
    let different: std::collections::HashSet<&str> =
        units.iter().map(|unit| unit.text.as_str()).collect();
    assert!(different.len() > 490, "{}", different.len());
    assert!(units.iter().all(|unit| unit.text.starts_with(|c: char| c.is_uppercase() || c == '"')));
}

#[test]
fn code_blocks_open_and_close() {
    let mut body = Body::new(Style::Code, random(4));
    let mut so_far = String::new();
    for unit in body.units(300).to_vec() {
        so_far.push_str(&text(std::slice::from_ref(&unit)));
        assert_eq!(so_far.matches("```").count() % 2 == 1, unit.in_code, "{so_far}");
    }
}

#[test]
fn documents_have_titles() {
    let mut body = Body::new(Style::Documents, random(5));
    let text = text(body.units(3 * DOCUMENT));
    assert_eq!(text.matches("Document: ").count(), 3);
}

#[test]
fn fillers_have_exactly_the_asked_number_of_words() {
    for n_words in 0..200 {
        for style in STYLES {
            let text = filler(style, random(n_words), n_words as usize);
            assert_eq!(text.split_whitespace().count(), n_words as usize);
        }
    }
    assert!(FILLERS.iter().all(|sentences| !sentences.is_empty()));
}
