//! The arguments of this call as they were given.

/// The arguments of this call, without the program's name. Records keep text: of a path that is
/// none, what is no text is replaced, and "the same again" does not find that file.
pub(crate) fn given() -> Vec<String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// Of `arguments` those that are none of these flags, each with a value, nor their values.
pub(crate) fn without(arguments: &[String], flags: &[&str]) -> Vec<String> {
    let mut others = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let name = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
        match (flags.contains(&name), name == argument) {
            (false, _) => others.push(argument.clone()),
            (true, false) => {}
            (true, true) => _ = arguments.next(),
        }
    }
    others
}
