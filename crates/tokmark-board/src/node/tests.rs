use serde_json::json;

use super::*;

fn fault(text: &str) -> String {
    Node::parse("f.yaml", text).unwrap_err().to_string()
}

#[test]
fn every_value_knows_its_place() {
    let node = Node::parse("f", "a: 1\nb:\n  - {c: x}\n  - [2.5, null, true]\n").unwrap();
    assert_eq!(node.value(), json!({"a": 1, "b": [{"c": "x"}, [2.5, null, true]]}));
    assert_eq!(node.place_of(["b", "0", "c"]), Place { line: 3, column: 9 });
    assert_eq!(node.place_of(["b", "1", "2"]), Place { line: 4, column: 17 });
    assert_eq!(node.entry("b").unwrap().key_place, Place { line: 2, column: 1 });
    assert_eq!(node.place_of(["a", "nothing"]), Place { line: 1, column: 4 });
}

#[test]
fn what_is_no_number_everywhere_stays_text() {
    let node = Node::parse("f", "[0755, 1_000, yes, 2026-04-30, 1e3, 0x1F, '1']").unwrap();
    assert_eq!(node.value(), json!(["0755", "1_000", "yes", "2026-04-30", 1e3, 31, "1"]));
}

#[test]
fn faults_of_the_text_have_a_place_and_a_remedy() {
    let texts = [
        "a: &x 1\nb: *x\n",
        "a: 1\n<<: {b: 2}\n",
        "a: 1\nb: 2\na: 3\n",
        "a: .nan\n",
        "a: !secret x\n",
        "a: 1\n---\nb: 2\n",
        "a: [1, 2\nb: 3\n",
        "a: \"open\n",
        "a:\n\t- 1\n",
    ];
    let faults = texts.map(fault).join("\n");
    insta::assert_snapshot!(faults);
}

#[test]
fn depth_is_limited() {
    let deep = "[".repeat(100) + &"]".repeat(100);
    assert!(fault(&deep).contains("nested too deeply"), "{}", fault(&deep));
    let block: String = (0..100).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert!(fault(&block).contains("nested too deeply"), "{}", fault(&block));
}

#[test]
fn a_bomb_is_refused_before_it_grows() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..10 {
        let aliases = vec![format!("*a{}", n - 1); 9].join(", ");
        bomb += &format!("a{n}: &a{n} [{aliases}]\n");
    }
    assert_eq!(fault(&bomb).split(';').next().unwrap(), "f.yaml:1:9: an anchor (&) or alias (*)");
}
