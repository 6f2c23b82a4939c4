use proptest::prelude::*;

use super::*;

#[test]
fn the_defaults_are_two_tests() {
    let matrix = Matrix::defaults(4);
    let planned: Vec<_> = matrix.expand().collect();
    assert_eq!(matrix.len(), 2);
    assert_eq!(planned[0].test, Test::pp(512));
    assert_eq!(planned[1].test, Test::tg(128));
    assert_eq!(planned[0].params, EngineParams { n_threads: 4, ..EngineParams::default() });
}

#[test]
fn a_flag_given_again_adds_but_the_main_gpu_is_replaced() {
    let mut given = Matrix::default();
    for text in ["1", "2,3"] {
        given.read("--batch-size", text).unwrap();
        given.read("--main-gpu", text).unwrap();
    }
    assert_eq!(given.n_batch, [1, 2, 3]);
    assert_eq!(given.main_gpu, [2, 3]);
}

#[test]
fn zeros_are_left_out() {
    let mut given = Matrix::default();
    for (flag, text) in
        [("--n-prompt", "0,8,0"), ("--n-gen", "0"), ("--pg", "0,0"), ("--pg", "0,4")]
    {
        given.read(flag, text).unwrap();
    }
    let matrix = given.or_defaults(&Matrix::defaults(1));
    let tests: Vec<_> = matrix.expand().map(|planned| planned.test).collect();
    assert_eq!(tests, [Test::pp(8), Test::tg(4)]);
}

#[test]
fn an_empty_list_stands_for_no_test() {
    assert!(Matrix::default().is_empty());
    assert_eq!(Matrix::default().expand().count(), 0);
    let matrix = Matrix { models: Vec::new(), ..Matrix::defaults(1) };
    assert_eq!((matrix.len(), matrix.expand().count()), (0, 0));
}

#[test]
fn a_huge_matrix_is_counted_and_not_made() {
    let mut matrix = Matrix::defaults(1);
    matrix.n_prompt = (1..=100_000).collect();
    matrix.n_batch = (1..=100_000).collect();
    matrix.n_depth = (1..=100_000).collect();
    assert_eq!(matrix.len(), 100_001 * 10_u128.pow(10));
    assert_eq!(matrix.expand().nth(100_000).unwrap().test, Test::tg(128).at_depth(1));
}

#[test]
fn every_list_parameter_of_the_table_can_be_read() {
    use crate::spelling::{FLAGS, Group};
    let elsewhere = ["--hf-repo", "--hf-file", "--hf-token", "--offline"];
    for flag in FLAGS {
        let is_parameter = !matches!(flag.group, Group::Options) && !elsewhere.contains(&flag.long)
            || flag.long.starts_with("--fit");
        let text = match flag.long {
            "--pg" => "1,2",
            "--override-tensor" => "a=CPU",
            _ => flag.default.filter(|default| *default != "off").unwrap_or("3"),
        };
        let read = Matrix::default().read(flag.long, text);
        assert_eq!(read.is_ok(), is_parameter, "{} {text}: {read:?}", flag.long);
    }
}

#[test]
fn defaults_of_the_table_are_the_matrixs() {
    use crate::spelling::FLAGS;
    let mut given = Matrix::default();
    for flag in FLAGS {
        let Some(default) = flag.default else {
            continue;
        };
        let text = match flag.long {
            "--pg" => continue,
            "--fit-target" => "0",
            "--override-tensor" => "",
            _ => default,
        };
        // Flags of other kinds have no list to compare.
        let _ = given.read(flag.long, text);
    }
    given.n_threads = vec![7];
    assert_eq!(given, Matrix::defaults(7));
}

proptest! {
    #[test]
    fn len_is_the_number_of_tests(
        n_prompt in prop::collection::vec(0_u32..3, 0..4),
        n_gen in prop::collection::vec(0_u32..3, 0..4),
        n_pg in prop::collection::vec((0_u32..2, 0_u32..2), 0..4),
        n_depth in prop::collection::vec(any::<u32>(), 0..3),
        n_models in 0_usize..3,
        fit_target in prop::collection::vec(any::<u64>(), 0..3),
        n_gpu_layers in prop::collection::vec(any::<i32>(), 1..3),
        type_v in prop::collection::vec(prop::sample::select(KvType::ALL.to_vec()), 1..3),
        poll in prop::collection::vec(any::<u32>(), 1..3),
        n_parallel in prop::collection::vec(1_u32..5, 1..3),
    ) {
        let matrix = Matrix {
            models: vec![String::new(); n_models],
            n_prompt, n_gen, n_pg, n_depth, fit_target, n_gpu_layers, type_v, poll, n_parallel,
            ..Matrix::defaults(1)
        };
        prop_assert_eq!(matrix.len(), matrix.expand().count() as u128);
        for planned in matrix.expand() {
            prop_assert!(planned.model < n_models);
            prop_assert!(planned.test.n_prompt + planned.test.n_gen > 0);
        }
    }

    #[test]
    fn nothing_that_is_typed_makes_it_panic(
        flag in prop::sample::select(crate::spelling::FLAGS.to_vec()),
        text in prop_oneof![any::<String>(), "[-+*0-9,/;=.xa-z]{0,12}"],
    ) {
        let _ = Matrix::default().read(flag.long, &text);
    }
}
