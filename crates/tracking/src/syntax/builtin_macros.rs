//! Macros, derives and attributes of the language and its standard library.

/// All of them.
#[rustfmt::skip]
const BUILT_IN: [&str; 106] = [
    // Macros.
    "vec", "format", "print", "println", "eprint", "eprintln", "write", "writeln", "panic", "assert", "assert_eq",
    "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne", "matches", "todo", "unimplemented", "unreachable",
    "format_args", "concat", "stringify", "env", "option_env", "include", "include_str", "include_bytes", "cfg",
    "cfg_select", "line", "column", "file", "module_path", "compile_error", "thread_local", "dbg", "try", "addr_of",
    "addr_of_mut", "offset_of", "pin", "join", "ready", "asm", "global_asm", "naked_asm", "macro_rules", "concat_bytes",
    "is_x86_feature_detected", "is_aarch64_feature_detected", "select", "assert_matches",
    // Derives.
    "Clone", "Copy", "Debug", "Default", "Eq", "Hash", "Ord", "PartialEq", "PartialOrd",
    // Attributes.
    "allow", "expect", "warn", "deny", "forbid", "must_use", "inline", "cold", "repr", "non_exhaustive", "derive",
    "default", "test", "ignore", "should_panic", "bench", "track_caller", "target_feature", "no_mangle", "export_name",
    "link", "link_name", "link_section", "path", "macro_use", "macro_export", "automatically_derived", "deprecated",
    "global_allocator", "cfg_attr", "doc", "unsafe", "no_implicit_prelude", "used", "recursion_limit",
    "type_length_limit", "proc_macro", "proc_macro_derive", "proc_macro_attribute", "no_std", "no_main",
    "panic_handler", "feature", "memoize", "instruction_set",
];

/// Macros that take expressions, and for which a trailing comma means nothing.
#[rustfmt::skip]
const EXPRESSION_MACROS: [&str; 21] = [
    "vec", "format", "print", "println", "eprint", "eprintln", "write", "writeln", "panic", "assert", "assert_eq",
    "assert_ne", "debug_assert", "debug_assert_eq", "debug_assert_ne", "matches", "todo", "unimplemented", "unreachable",
    "array", "format_args",
];

/// Returns whether the standard library has a macro, a derive or an attribute of this name.
pub(crate) fn is_built_in(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

/// Returns whether the standard library has a macro of this name that takes expressions.
pub(crate) fn is_expression_macro(name: &str) -> bool {
    EXPRESSION_MACROS.contains(&name)
}
