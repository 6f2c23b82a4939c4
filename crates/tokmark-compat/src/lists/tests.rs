use proptest::prelude::*;
use tokmark_model::{KvType, LoadMode};

use super::*;

fn range(text: &str) -> Result<Vec<i32>, String> {
    parse_int_range("--n-gpu-layers", text, true).map_err(|error| error.to_string())
}

// Accepted and refused as llama-bench 11434 was seen to do.
#[test]
fn ranges_are_llama_benchs() {
    let cases: [(&str, &[i32]); 14] = [
        ("", &[]),
        ("5", &[5]),
        ("5,", &[5]),
        ("0-10+5", &[0, 5, 10]),
        ("0-11+5", &[0, 5, 10]),
        ("1-9*2,20-21", &[1, 2, 4, 8, 20, 21]),
        ("3-3", &[3]),
        ("3-3+7", &[3]),
        ("-1", &[-1]),
        ("-1-1", &[-1, 0, 1]),
        ("-5-9+7", &[-5, 2, 9]),
        ("007", &[7]),
        ("2147483647", &[i32::MAX]),
        ("1073741824-2147483647*2", &[1_073_741_824]),
    ];
    for (text, values) in cases {
        assert_eq!(range(text).as_deref(), Ok(values), "{text}");
    }
    let refused = [
        "5-",
        ",5",
        ",",
        ",,",
        "5,,6",
        "-",
        "--1",
        "-1--1",
        "1--5",
        "1 ",
        " 1",
        "+5",
        "1-4/2",
        "1-4|2",
        "1-4+",
        "1-4+-1",
        "1-4*2*2",
        "1-2-3",
        "5+1",
        "99999999999",
        "1-99999999999",
        "0x10",
        "1.5",
        "٣",
    ];
    for text in refused {
        assert!(range(text).is_err(), "{text}");
    }
    assert!(parse_int_range("--n-prompt", "-5", false).is_err());
    assert_eq!(parse_u32_range("--n-prompt", "1-3"), Ok(vec![1, 2, 3]));
}

#[test]
fn error_texts() {
    let texts = [
        range("5-").unwrap_err(),
        parse_u32_range("--n-prompt", "64,-5").unwrap_err().to_string(),
        range("1-8+0").unwrap_err(),
        range("0-8*2").unwrap_err(),
        range("1,5-3").unwrap_err(),
        range("1,0-2147483646").unwrap_err(),
        parse_names("--model", "a,,b").unwrap_err().to_string(),
        parse_words::<KvType>("--cache-type-k", "f16,q3_k").unwrap_err().to_string(),
        parse_words::<LoadMode>("--load-mode", "'a' is not b").unwrap_err().to_string(),
        parse_bools("--repack", "on").unwrap_err().to_string(),
        parse_flash_attention("--flash-attn", "yes").unwrap_err().to_string(),
        parse_unsigned::<u32>("--fit-ctx", "4294967296").unwrap_err().to_string(),
        parse_pair("--pg", "512").unwrap_err().to_string(),
        parse_cpu_masks("--cpu-mask", "0xg").unwrap_err().to_string(),
        parse_devices("--device", "CUDA0/none").unwrap_err().to_string(),
        parse_tensor_splits("--tensor-split", "/1").unwrap_err().to_string(),
        parse_tensor_overrides("--override-tensor", "a=CPU;;b=CPU").unwrap_err().to_string(),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn words_and_switches() {
    assert_eq!(parse_words("-ctk", "f16,iq4_nl"), Ok(vec![KvType::F16, KvType::Iq4Nl]));
    assert_eq!(
        parse_words("-lm", "mmap+mlock,dio"),
        Ok(vec![LoadMode::MmapMlock, LoadMode::DirectIo])
    );
    assert_eq!(parse_bools("-embd", "0,1,"), Ok(vec![false, true]));
    assert_eq!(parse_bools("-embd", ""), Ok(vec![]));
    use FlashAttention::{Auto, Off, On};
    assert_eq!(
        parse_flash_attention("-fa", "on,enabled,true,1,off,disabled,false,0,auto,-1"),
        Ok(vec![On, On, On, On, Off, Off, Off, Off, Auto, Auto])
    );
}

#[test]
fn devices_of_one_test_are_parted_by_slashes() {
    let lists = parse_devices("-dev", "auto,none, CUDA0 / CUDA1").unwrap();
    assert_eq!(
        lists,
        [vec![], vec!["none".to_owned()], vec!["CUDA0".to_owned(), "CUDA1".to_owned()]]
    );
}

#[test]
fn tensor_splits_end_with_the_last_share_above_zero() {
    let lists = parse_tensor_splits("-ts", "3/1,1;2/3,0,1//2,1/,1/0/0,0/1").unwrap();
    let expected: [&[f32]; 7] =
        [&[3.0, 1.0], &[1.0, 2.0, 3.0], &[], &[1.0, 2.0], &[1.0], &[1.0], &[0.0, 1.0]];
    assert_eq!(lists, expected);
    for refused in ["", "/1", "-1", "1x", "nan", "inf", "1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1/1"] {
        assert!(parse_tensor_splits("-ts", refused).is_err(), "{refused}");
    }
}

#[test]
fn overrides_come_in_combinations() {
    let placed = |pattern: &str, buffer_type: &str| BufferOverride {
        pattern: pattern.to_owned(),
        buffer_type: buffer_type.to_owned(),
    };
    assert_eq!(
        parse_tensor_overrides("-ot", ",exps=CPU;a=b=CUDA0;,=CPU").unwrap(),
        [vec![], vec![placed("exps", "CPU"), placed("a", "b=CUDA0")], vec![placed("", "CPU")]]
    );
    assert_eq!(parse_tensor_overrides("-ot", "").unwrap(), [vec![]]);
    for refused in ["a", "a=", ";", ";a=CPU", "a=CPU;;"] {
        assert!(parse_tensor_overrides("-ot", refused).is_err(), "{refused}");
    }
}

/// The values of one part by llama-bench's own loop, in wider numbers.
fn reference(first: i64, last: i64, multiply: bool, step: i64) -> Option<Vec<i32>> {
    let mut values = Vec::new();
    let mut value = first;
    while value <= last {
        values.push(i32::try_from(value).unwrap());
        let next = if multiply { value * step } else { value + step };
        if next <= value {
            return None;
        }
        value = next;
    }
    // An empty range is an error of ours.
    (!values.is_empty()).then_some(values)
}

proptest! {
    #[test]
    fn ranges_equal_the_straightforward_loop(
        parts in prop::collection::vec((-50_i64..200, 0_i64..200, any::<bool>(), 0_i64..9), 1..5),
    ) {
        let texts: Vec<_> = parts
            .iter()
            .map(|(first, last, multiply, step)| {
                format!("{first}-{last}{}{step}", if *multiply { '*' } else { '+' })
            })
            .collect();
        let expected: Option<Vec<_>> = parts
            .iter()
            .map(|(first, last, multiply, step)| reference(*first, *last, *multiply, *step))
            .collect();
        prop_assert_eq!(range(&texts.join(",")).ok(), expected.map(|lists| lists.concat()));
    }

    #[test]
    fn long_ranges_are_counted_and_never_made(first in 0_i32..100, step in 1_i32..1000) {
        let list = format!("{first}-{}+{step}", i32::MAX);
        let n = (i64::from(i32::MAX) - i64::from(first)) / i64::from(step) + 1;
        let error = parse_u32_range("-p", &list).unwrap_err();
        let expected = CompatError::TooManyValues {
            flag: "-p".to_owned(), list, n: n as u64, limit: MAX_VALUES,
        };
        prop_assert_eq!(error, expected);
    }

    #[test]
    fn what_is_read_stays_within_the_limits(text in "[-+*0-9,]{0,20}") {
        if let Ok(values) = range(&text) {
            prop_assert!(values.len() as u64 <= MAX_VALUES);
        }
        if let Ok(values) = parse_u32_range("-p", &text) {
            prop_assert!(values.iter().all(|value| i32::try_from(*value).is_ok()));
        }
    }
}
