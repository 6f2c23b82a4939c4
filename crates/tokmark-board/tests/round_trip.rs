//! A record written as YAML reads back equal: property test over generated records.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokmark_board::{read_run, write_run};
use tokmark_model::*;

/// Texts that YAML could take for something else.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[a-zA-Z0-9 ._/-]{0,20}",
        2 => "\\PC{0,20}",
        2 => prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter),
        1 => Just("long ".repeat(60)),
        4 => prop::sample::select(vec![
            "", " ", "null", "~", "Null", "yes", "no", "on", "y", "true", "False", "0755", "1_000",
            "1e3", "+12", "-.inf", ".nan", ".5", "5.", "0x1F", "0o17", "0b1", "12:30:45", "1:30",
            "2026-04-30", "2026-04-30T18:11:44Z", "=", "<<", "&a", "*a", "!x", "- x", "? x", "a: b",
            "a:", ": a", "# c", "a #c", "|", ">", "%YAML", "@x", "`x`", "{a", "[a", "]", "}", ",",
            "'", "\"", "''", "a'b\"c", "\\n", "\n", "a\nb\n\n", "\t", " lead", "trail ", "\r\n",
            "\u{0}", "\u{7f}", "\u{85}", "\u{a0}", "\u{2028}", "\u{feff}", "\u{202e}x", "🦀",
            "---", "...", "--- a", "59778e0", "683c5acb9", "b9174", "1.10", "١٢",
        ]).prop_map(str::to_owned),
    ]
    .boxed()
}

fn number() -> BoxedStrategy<f64> {
    prop_oneof![
        any::<f64>().prop_filter("a record has finite figures", |value| value.is_finite()),
        prop::sample::select(vec![0.0, 1.0, -1.0, 0.1, 1e300, 5e-324, f64::MAX, 1e15, 1e16, 0.95]),
        0.0..1e6f64,
    ]
    .boxed()
}

fn rate() -> impl Strategy<Value = TokensPerSecond> {
    number().prop_map(TokensPerSecond)
}

fn nanos() -> impl Strategy<Value = Nanos> {
    any::<u64>().prop_map(Nanos)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    any::<u64>().prop_map(Bytes)
}

fn time() -> impl Strategy<Value = Timestamp> {
    // Until 2026: what lies in the future is refused.
    (0i64..1_767_225_600, 0i32..1_000_000_000)
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap())
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn some<T: std::fmt::Debug>(inner: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(inner)
}

fn list<T: std::fmt::Debug>(inner: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(inner, 0..4)
}

fn one_of<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(all.to_vec())
}

/// A field of a version that is not known here.
fn newer() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        number().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
    .boxed()
}

prop_compose! {
    fn test()(n_prompt in any::<u32>(), n_gen in any::<u32>(), n_depth in any::<u32>(),
              n_parallel in any::<u32>()) -> Test {
        Test { n_prompt, n_gen, n_depth, n_parallel }
    }
}

prop_compose! {
    fn params()(
        counts in any::<(u32, u32, u32, i32, u64)>(),
        types in (one_of(KvType::ALL), one_of(KvType::ALL)),
        modes in (one_of(SplitMode::ALL), one_of(LoadMode::ALL), one_of(LazyMode::ALL),
                  one_of(FlashAttention::ALL)),
        flags in any::<(bool, bool, bool)>(),
        devices in list(text()),
        tensor_split in list(any::<f32>().prop_filter("finite", |value| value.is_finite())),
        overrides in list((text(), text())),
        cpu_mask in text(),
    ) -> EngineParams {
        EngineParams {
            n_batch: counts.0, n_threads: counts.1, main_gpu: counts.2, n_gpu_layers: counts.3,
            fit_target: counts.4, type_k: types.0, type_v: types.1, split_mode: modes.0,
            load_mode: modes.1, lazy_mode: modes.2, flash_attn: modes.3, cpu_strict: flags.0,
            embeddings: flags.1, repack: flags.2, devices, tensor_split, cpu_mask,
            tensor_buft_overrides: overrides
                .into_iter()
                .map(|(pattern, buffer_type)| BufferOverride { pattern, buffer_type })
                .collect(),
            ..EngineParams::default()
        }
    }
}

prop_compose! {
    fn model()(
        texts in (text(), text(), text()),
        some_texts in (some(text()), some(text()), some(text()), some(text())),
        size in bytes(),
        counts in any::<(Option<u64>, Option<u64>, Option<u32>)>(),
        census in prop::collection::btree_map(text(), (any::<u64>(), any::<u64>(), bytes()), 0..3),
    ) -> ModelFacts {
        ModelFacts {
            name: texts.0, file_name: texts.1, title: Some(texts.2), source: some_texts.0,
            sha256: some_texts.1, quantization: some_texts.2, label: some_texts.3,
            file_size_bytes: size, n_params: counts.0, n_vocab: counts.1, n_files: counts.2,
            tensor_types: census
                .into_iter()
                .map(|(name, (n_tensors, n_elements, size_bytes))| {
                    (name, TensorTypeCount { n_tensors, n_elements, size_bytes })
                })
                .collect(),
            ..ModelFacts::default()
        }
    }
}

prop_compose! {
    fn engine()(
        texts in (text(), text(), text()),
        commit in some(text()),
        native in any::<Option<bool>>(),
        features in list(text()),
        devices in list((text(), text(), some(bytes()), one_of(&[
            DeviceKind::Cpu, DeviceKind::Gpu, DeviceKind::IntegratedGpu, DeviceKind::Other,
        ]))),
    ) -> EngineFacts {
        EngineFacts {
            name: texts.0, version: texts.1, backends: texts.2, commit,
            build: BuildFacts { native, features, ..BuildFacts::default() },
            devices: devices
                .into_iter()
                .map(|(name, description, memory_total_bytes, kind)| Device {
                    name, description, kind, memory_total_bytes, memory_free_bytes: None,
                })
                .collect(),
            ..EngineFacts::default()
        }
    }
}

prop_compose! {
    fn machine()(
        texts in (text(), text()),
        cpu in some(text()),
        gpus in list((text(), some(bytes()))),
        numbers in (number(), some(number()), any::<u32>()),
        power_source in some(one_of(&[PowerSource::Mains, PowerSource::Battery])),
        isa in list(text()),
    ) -> MachineFacts {
        MachineFacts {
            fingerprint: texts.0,
            cpu: CpuFacts {
                model: cpu, n_allowed: numbers.0, n_logical: numbers.2, isa,
                ..CpuFacts::default()
            },
            gpus: gpus
                .into_iter()
                .map(|(name, memory_bytes)| Gpu { name, memory_bytes, ..Gpu::default() })
                .collect(),
            os: OsFacts { name: texts.1, ..OsFacts::default() },
            power_source,
            power_cap_w: numbers.1,
            ..MachineFacts::default()
        }
    }
}

prop_compose! {
    fn sample()(
        start_ns in nanos(), duration_ns in nanos(), token_ns in list(nanos()),
        probe_ns in some(nanos()), noise in some((nanos(), some(number()), any::<Option<u64>>())),
    ) -> Repetition {
        Repetition {
            start_ns, duration_ns, token_ns, probe_ns,
            noise: noise.map(|(wall_ns, other_cores, swap_in_pages)| Noise {
                wall_ns, other_cores, swap_in_pages, ..Noise::default()
            }),
            prompt_ns: None,
        }
    }
}

prop_compose! {
    fn interval()(low in number(), high in number(), level in number(), method in one_of(&[
        IntervalMethod::OrderStatistic, IntervalMethod::Blocks, IntervalMethod::EffectiveSize,
    ])) -> Interval {
        Interval { low, high, level, method }
    }
}

prop_compose! {
    fn estimate()(
        rate_tps in rate(), interval in some(interval()),
        no_interval in some(one_of(&[NoInterval::TooFew, NoInterval::NoSamples])),
    ) -> Estimate {
        Estimate { rate_tps, interval, no_interval }
    }
}

prop_compose! {
    fn summary()(
        versions in any::<(u32, u32)>(), rates in (estimate(), some(estimate())),
        more in (rate(), rate(), rate()), times in (nanos(), nanos()),
        widths in (some(number()), any::<Option<bool>>()), outliers in list(any::<u32>()),
        stop_reason in one_of(&[StopReason::Converged, StopReason::Budget, StopReason::CutShort]),
    ) -> Summary {
        Summary {
            statistics_version: versions.0, n: versions.1, rate: rates.0,
            rate_per_sequence: rates.1, prompt_rate: None, generation_rate: None,
            probe_adjusted_rate: None, total_rate_tps: more.0, avg_ts: more.1, stddev_ts: more.2,
            avg_ns: times.0, stddev_ns: times.1, half_width: widths.0, rate_half_width: None,
            converged: widths.1, stop_reason, correlation: None, drift: None, outliers,
            token_times: None, efficiency_tps_per_gb: None,
        }
    }
}

fn load() -> BoxedStrategy<Load> {
    let arrivals = prop_oneof![
        Just(Arrivals::Constant),
        Just(Arrivals::Poisson),
        number().prop_map(|cv| Arrivals::Gamma { cv }),
    ];
    prop_oneof![
        any::<u32>().prop_map(|n| Load::Concurrency { n }),
        (number(), arrivals).prop_map(|(per_s, arrivals)| Load::Rate { per_s, arrivals }),
        number().prop_map(|speed| Load::Replay { speed }),
    ]
    .boxed()
}

prop_compose! {
    fn serving()(
        shape in text(), arrival in load(), share in some(number()), evidence in text(),
        requests in list((nanos(), some(nanos()), any::<Option<u32>>(), some(text()), some(one_of(&[
            RequestError::Connect, RequestError::Status { code: 429 }, RequestError::Cut,
        ])))),
        times in list(list(nanos())), errors in prop::collection::btree_map(text(), any::<u64>(), 0..3),
        summed in any::<bool>(), ttft in some(number()),
        found in some((some(number()), number(), any::<(u32, bool)>())),
    ) -> Serving {
        let workload = Workload {
            cache: share.map_or(CacheMode::Own, |share| CacheMode::Share { share }),
            ..Workload::new(&shape, arrival)
        };
        let times: Vec<Vec<Nanos>> = times
            .into_iter()
            .map(|mut times: Vec<Nanos>| { times.sort(); times })
            .collect();
        Serving {
            workload,
            server: ServerFacts { evidence, ..ServerFacts::default() },
            requests: requests
                .into_iter()
                .map(|(due_ns, first_text_ns, tokens, finish, error)| RequestSample {
                    due_ns, first_text_ns, finish, error,
                    output_tokens: tokens.map(|n| TokenCount { n, source: CountSource::Usage }),
                    ..RequestSample::default()
                })
                .collect(),
            events: Some(EventLog::pack(times.iter().map(Vec::as_slice))),
            cold: None,
            summary: summed.then(|| ServingSummary {
                errors,
                ttft_ms: ttft.map(|value| Distribution {
                    mean: value,
                    quantiles: vec![Quantile {
                        q: 0.5, value, interval: None, upper_bound: Some(value), no_interval: None,
                    }],
                    ..Distribution::default()
                }),
                ..ServingSummary::default()
            }),
            found_rate: found.map(|(highest_met_per_s, tolerance, (n_points, is_over))| FoundRate {
                highest_met_per_s, met_offered_per_s: highest_met_per_s, lowest_failed_per_s: None,
                failed_offered_per_s: None, failed: None, tolerance, n_points, is_over,
                met: highest_met_per_s.map(|share| KeptShare {
                    n_kept: 1, n_judged: 2, share, share_low: tolerance, share_high: tolerance,
                }),
            }),
            speed_ups: Vec::new(),
            client: ClientCheck::default(),
            timeline: Vec::new(),
            recipe: None,
        }
    }
}

prop_compose! {
    fn published()(
        source in text(), texts in (some(text()), some(text()), some(text()), some(text())),
        rates in (some(rate()), some(rate()), some(rate())), disputed in some(text()),
    ) -> Published {
        Published {
            source, url: texts.0, date: texts.1, shape: texts.2, hardware: texts.3,
            rate_tps: rates.0, rate_low_tps: rates.1, rate_high_tps: rates.2, disputed,
        }
    }
}

prop_compose! {
    fn experiment()(
        tests in list(test()), names in list((text(), model(), params())),
        visits in list((any::<u32>(), list(uuid()))), numbers in (number(), some(number())),
        looks in prop_oneof![
            Just(Looks::Once), any::<u32>().prop_map(|max_pairs| Looks::Sequential { max_pairs }),
        ],
        overall in some(one_of(&[Verdict::Same, Verdict::Undecided])), arguments in list(text()),
        uses in list(some(number())),
    ) -> Experiment {
        Experiment {
            question: Question::Ab,
            variants: names
                .into_iter()
                .map(|(name, model, params)| Variant { name, model, params, ..Variant::default() })
                .collect(),
            design: Design {
                tests, n_repetitions: 3, n_rounds: 7, seed: u64::MAX, looks,
                same_within: numbers.0, planted_delay: numbers.1,
            },
            visits: visits
                .into_iter()
                .map(|(variant, records)| VisitRecords {
                    visit: Visit { variant, position: 2, planted: false, delayed: true },
                    records,
                })
                .collect(),
            n_disturbed: 0, contests: Vec::new(), overall, statistics_version: 2, arguments,
            resources: vec![ResourceContest {
                resource: Resource::PeakBytes, pairings: Vec::new(), standings: Vec::new(),
                uses: uses
                    .into_iter()
                    .map(|median| median.map(|median| ResourceUse { median, interval: None }))
                    .collect(),
            }],
        }
    }
}

prop_compose! {
    fn signature()(key in any::<[u8; 32]>(), value in any::<[u8; 32]>()) -> Signature {
        let mut both = [0; 64];
        both[..32].copy_from_slice(&value);
        Signature::new(&key, &both)
    }
}

prop_compose! {
    fn record()(
        ids in (uuid(), uuid(), time()),
        kind in one_of(&[
            RecordKind::Measured, RecordKind::Imported, RecordKind::ImportedSummary,
            RecordKind::Published,
        ]),
        status in (one_of(&[Status::Ok, Status::Crashed, Status::Skipped]), some((text(), any::<Option<i32>>(), list(text())))),
        done in (test(), params(), some(prop_oneof![
            any::<u32>().prop_map(|n| Repetitions::Fixed { n }),
            (number(), nanos(), any::<u32>()).prop_map(|(half_width, budget_ns, at_least)| {
                Repetitions::Adaptive { half_width, budget_ns, at_least }
            }),
        ])),
        env in prop::collection::btree_map(text(), text(), 0..3),
        facts in (model(), engine(), machine(), list(text())),
        samples in (list(sample()), some(summary()), list(nanos())),
        grade in some((one_of(&[GradeLetter::A, GradeLetter::F]), list((text(), text())))),
        parts in (some(serving()), some(published()), some(experiment()), some(signature())),
        remarks in (list((time(), text())), list(text()), list(text())),
        newer in prop::collection::btree_map("zz_[a-z]{1,6}", newer(), 0..3),
    ) -> Record {
        Record {
            record_version: RECORD_VERSION,
            id: ids.0,
            run_id: ids.1,
            kind,
            created_at: ids.2,
            tool: Tool { name: "tokmark".into(), version: "0.1.0".into() },
            status: status.0,
            status_reason: status.1.map(|(message, exit_code, log_tail)| StatusReason {
                message, exit_code, log_tail, signal: None,
            }),
            test: done.0,
            params: done.1,
            process: ProcessParams { env, ..ProcessParams::default() },
            repetitions: done.2,
            tokens: None,
            model: facts.0,
            engine: facts.1,
            devices_used: facts.3,
            tensor_parallel: None,
            machine: facts.2,
            load: None,
            memory: MemoryUse::default(),
            warmup_ns: samples.2,
            probe_baseline_ns: Vec::new(),
            samples: samples.0,
            summary: samples.1,
            grade: grade.map(|(letter, reasons)| Grade {
                letter,
                reasons: reasons
                    .into_iter()
                    .map(|(code, text)| GradeReason { letter, code, text })
                    .collect(),
            }),
            flags: remarks.1,
            speculation: None,
            serving: parts.0.map(Box::new),
            visit: None,
            experiment: parts.2.map(Box::new),
            published: parts.1,
            signature: parts.3,
            notes: remarks.0.into_iter().map(|(at, text)| Note { at, text }).collect(),
            tags: remarks.2,
            newer,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_written_record_reads_back_equal(record in record()) {
        let yaml = write_run(&record);
        let read = read_run("run.yaml", &yaml);
        prop_assert!(read.is_ok(), "{}\n{yaml}", read.unwrap_err());
        prop_assert_eq!(read.unwrap(), [record], "{}", yaml);
    }

    #[test]
    fn what_a_signature_covers_is_the_same_after_reading_and_writing(record in record()) {
        let json = serde_json::to_string(&record).unwrap();
        let from_json: Record = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(from_json.signed_bytes(), record.signed_bytes(), "{}", json);
        let from_yaml = read_run("run.yaml", &write_run(&record)).unwrap().remove(0);
        prop_assert_eq!(from_yaml.signed_bytes(), record.signed_bytes());
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|[-:\\[\\]{}&*!|>'\"%@`#, \n\t0-9a-z]{0,80}") {
        let _ = read_run("run.yaml", &text);
    }
}

#[test]
fn a_written_run_looks_like_this() {
    let mut record = read_run(
        "x",
        "tokmark_run: 1\nmodel: M-1B\nquantization: Q4_1\nhardware: Box\nengine: llama.cpp\n\
         engine_version: \"1203\"\nbackend: cpu\nsource: a page\nurl: https://host/page\n\
         date: 2026-04-30\nrates_tps: {chat: {rate: 80.5, ttft_ms: 120}}\nparams_billion: 1.2\n\
         notes: [a remark]\ntags: [one]\nenv: {GGML_X: '1'}\nthreads: 4\nconcurrency: 4\n",
    )
    .unwrap();
    record[0].newer = BTreeMap::from([("later".to_owned(), json!({"kept": [1, "1"]}))]);
    insta::assert_snapshot!(write_run(&record[0]));
}
