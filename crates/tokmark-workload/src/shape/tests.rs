use proptest::prelude::*;
use serde_json::json;

use super::*;

fn small(extra: &str) -> String {
    format!("prompt_tokens: 100\noutput_tokens: 20\n{extra}")
}

fn error(extra: &str) -> String {
    Shape::from_yaml(&small(extra), "mine").expect_err(extra).to_string()
}

#[test]
fn the_built_in_shapes_have_the_lengths_of_their_source() {
    let lengths: Vec<_> = Shape::builtins()
        .iter()
        .map(|s| (s.name.clone(), s.prompt_tokens.mean(), s.output_tokens.mean()))
        .collect();
    let expected =
        [("chat", 36, 100), ("rag", 850, 200), ("codegen", 70, 1000), ("agent", 620, 500)];
    assert_eq!(lengths, expected.map(|(name, prompt, output)| (name.to_owned(), prompt, output)));
    assert!(Shape::builtins().iter().all(|shape| shape.concurrency == [1, 4]));
    let agent = Shape::builtin("agent").unwrap();
    assert_eq!((agent.tools.len(), agent.tool_results.len()), (3, 2));
}

#[test]
fn a_built_in_shape_is_written_back_byte_by_byte() {
    for (name, text) in BUILTINS {
        assert_eq!(Shape::builtin(name).unwrap().to_yaml(), text, "{name}");
    }
}

#[test]
fn hashes_do_not_change_between_versions() {
    let hashes = Shape::builtins().iter().map(|s| s.sha256()[..16].to_owned()).collect::<Vec<_>>();
    assert_eq!(
        hashes,
        ["08365c79ace6f33b", "01bc340398a2a898", "e936c571332e56db", "6de04dd5a0b0e110"]
    );
}

#[test]
fn an_unknown_shape_is_answered_with_the_known_ones() {
    let error = Shape::builtin("cat").unwrap_err().to_string();
    assert_eq!(error, "no built-in shape is called \"cat\"; there are chat, rag, codegen, agent");
}

#[test]
fn two_lines_are_a_shape() {
    let shape = Shape::from_yaml(&small(""), "mine").unwrap();
    assert_eq!((shape.name.as_str(), shape.turns, shape.content), ("mine", 1, Content::Chat));
    assert_eq!(shape.concurrency, [1, 4]);
    let named = Shape::from_yaml(&small("name: own"), "mine").unwrap();
    assert_eq!(named.name, "own");
}

#[test]
fn lengths_are_numbers_ranges_or_distributions() {
    let read = |length: &str| {
        Shape::from_yaml(&format!("prompt_tokens: {length}\noutput_tokens: 1"), "x")
            .map(|shape| shape.prompt_tokens)
    };
    assert_eq!(read("36").unwrap(), Length::Fixed(36));
    assert_eq!(read("{min: 10, max: 20}").unwrap(), Length::Range { min: 10, max: 20 });
    let normal = Length::Normal { mean: 50.0, stddev: 7.5 };
    assert_eq!(read("\n  mean: 50\n  stddev: 7.5").unwrap(), normal);
    for (bad, named) in [
        ("{min: 10}", "give min and max, or mean and stddev"),
        ("{min: 10, max: 20, mean: 5}", "give min and max, or mean and stddev"),
        ("{min: 10, most: 20}", "most"),
        ("many", "a number of tokens, {min, max} or {mean, stddev}"),
        ("-3", "not negative"),
        ("99999999999", "more tokens"),
        ("1.5", "a number of tokens"),
        ("{min: 20, max: 10}", "prompt_tokens.min: must not be above max, which is 10"),
        ("{mean: .nan, stddev: 1}", "prompt_tokens.mean"),
        ("0", "prompt_tokens: must be 1 to 10000000 tokens"),
    ] {
        let error = read(bad).expect_err(bad).to_string();
        assert!(error.contains(named), "{bad}: {error}");
    }
}

#[test]
fn unknown_fields_are_named() {
    assert!(error("promt: 1").contains("promt"), "{}", error("promt: 1"));
    let tool = "tools:\n- name: f\n  description: d\n  strict: true\n  parameters: {type: object}";
    assert!(error(tool).contains("strict"), "{}", error(tool));
    assert!(error("tool_results:\n- {tool: f, result_tokens: 1, id: 3}").contains("id"));
}

#[test]
fn missing_and_doubled_fields_are_named() {
    let missing = Shape::from_yaml("prompt_tokens: 1", "mine").unwrap_err().to_string();
    assert!(missing.starts_with("shape mine: ") && missing.contains("output_tokens"), "{missing}");
    assert!(error("turns: 1\nturns: 1").contains("turns"));
}

#[test]
fn values_out_of_range_are_named() {
    let tool = |name: &str, schema: &str| {
        format!("tools:\n- name: {name}\n  description: d\n  parameters: {schema}\n")
    };
    for (extra, expected) in [
        ("temperature: 2.1".to_owned(), "temperature: must be 0 to 2"),
        ("temperature: .nan".to_owned(), "temperature: must be 0 to 2"),
        ("turns: 0".to_owned(), "turns: must be 1 to 1000"),
        ("turns: 3".to_owned(), "follow_up_tokens: is needed where turns is above 1"),
        ("follow_up_tokens: 5".to_owned(), "follow_up_tokens: is of no use where turns is 1"),
        ("concurrency: []".to_owned(), "concurrency: must have at least one number"),
        ("concurrency: [0]".to_owned(), "concurrency: 0 is not 1 to 100000"),
        ("concurrency: [4, 4]".to_owned(), "concurrency: 4 stands there twice"),
        ("system_tokens: 0".to_owned(), "system_tokens: must be"),
        ("system_tokens: 95".to_owned(), "prompt_tokens: 100 leave no room"),
        (tool("a b", "{type: object}"), "tools[0].name: must be 1 to 64 letters"),
        (tool("f", "{type: string}"), "tools[0].parameters: must be a JSON schema of type object"),
        ("tool_results:\n- {tool: f, result_tokens: 5}".to_owned(), "f is none of the tools"),
        ("name: \" x\"".to_owned(), "name: must not begin or end with a space"),
    ] {
        let error = error(&extra);
        assert!(error.starts_with("shape") && error.contains(expected), "{extra}: {error}");
    }
}

#[test]
fn keys_of_schemas_are_written_in_order() {
    let mut shape = Shape::builtin("agent").unwrap();
    shape.tools[0].parameters = json!({"type": "object", "b": {"y": 1, "x": 2}, "a": []});
    let yaml = shape.to_yaml();
    let schema = "  parameters:\n    a: []\n    b:\n      x: 2\n      \"y\": 1\n    type: object\n";
    assert!(yaml.contains(schema), "{yaml}");
}

#[test]
fn rubbish_is_an_error() {
    for text in ["", "[]", "a: [", "&a [*a]", "\u{0}", "prompt_tokens: !!int x", "- 1\n- 2"] {
        assert!(Shape::from_yaml(text, "mine").is_err(), "{text:?}");
    }
}

fn length() -> impl Strategy<Value = Length> {
    prop_oneof![
        (1..=MAX).prop_map(Length::Fixed),
        (1..=MAX, 0..1000u32).prop_map(|(min, more)| Length::Range { min, max: min + more }),
        (1.0..1e6f64, 0.0..1.0f64)
            .prop_map(|(mean, share)| Length::Normal { mean, stddev: mean * share }),
    ]
}

const MAX: u32 = 1_000_000;

/// Any text that a person might type, the nasty ones of YAML among them.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~äß€漢]{1,30}",
        Just("no".to_owned()),
        Just("null".to_owned()),
        Just("1e3".to_owned()),
        Just("- a: b # c".to_owned()),
        "[ -~]{0,10}\n[ -~\n]{0,20}",
    ]
}

fn schema() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        (-1e9..1e9f64).prop_map(|n| json!(n)),
        words().prop_map(|text| json!(text)),
    ];
    let value = leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|list| json!(list)),
            proptest::collection::btree_map("[a-z$-]{1,6}", inner, 0..3).prop_map(|m| json!(m)),
        ]
    });
    value.prop_map(|inner| json!({"type": "object", "properties": {"x": inner}}))
}

proptest! {
    #[test]
    fn what_was_written_reads_as_it_was(
        name in "[!-~äß€]{1,20}",
        description in words(),
        prompt_tokens in length(),
        output_tokens in length(),
        temperature in proptest::option::of(0.0..=2.0f64),
        follow_up_tokens in proptest::option::of(length()),
        concurrency in proptest::collection::hash_set(1..100_000u32, 1..5),
        tool in proptest::option::of((words(), schema())),
    ) {
        let tools: Vec<_> = tool.into_iter().map(|(description, parameters)| {
            ToolDefinition { name: "tool-1".to_owned(), description, parameters }
        }).collect();
        let shape = Shape {
            name,
            description,
            content: Content::Documents,
            prompt_tokens,
            output_tokens,
            system_tokens: None,
            temperature,
            turns: if follow_up_tokens.is_some() { 3 } else { 1 },
            follow_up_tokens,
            concurrency: concurrency.into_iter().collect(),
            tool_results: Vec::new(),
            tools,
        };
        prop_assume!(shape.check().is_ok());
        let yaml = shape.to_yaml();
        let again = Shape::from_yaml(&yaml, "other").map_err(|e| {
            TestCaseError::fail(format!("{e}\n{yaml}"))
        })?;
        prop_assert_eq!(&again, &shape, "{}", yaml);
        prop_assert_eq!(again.to_yaml(), yaml);
        prop_assert_eq!(again.sha256(), shape.sha256());
    }

    #[test]
    fn any_text_is_a_shape_or_an_error(text in "\\PC{0,200}|(prompt_tokens|tools|a|-|:| |\n|\\{|\\[){0,40}") {
        let _ = Shape::from_yaml(&text, "mine");
    }
}
