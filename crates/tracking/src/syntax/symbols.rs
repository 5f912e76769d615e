//! Names as numbers, so that they are fast to compare and to look up.

/// A name. Equal names are equal numbers, within one [`Symbols`].
pub(crate) type Symbol = u32;

macro_rules! known {
    ($($name:ident = $text:literal)*) => {
        #[allow(clippy::allow_attributes, reason = "not every lint below has something to say in every build")]
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "they become constants")]
        enum Index { $($name,)* COUNT }
        const TEXTS: &[&str] = &[$($text),*];
        const COUNT: Symbol = Index::COUNT as Symbol;
        /// The names that this crate looks for.
        pub(crate) mod known {
            $(pub(crate) const $name: super::Symbol = super::Index::$name as super::Symbol;)*
            /// The number of these names. All other names have greater numbers.
            pub(crate) const COUNT: super::Symbol = super::COUNT;
        }
    };
}

known! {
    EMPTY = "" UNDERSCORE = "_" FN = "fn" STRUCT = "struct" ENUM = "enum" UNION = "union" TRAIT = "trait" IMPL = "impl"
    MOD = "mod" USE = "use" CONST = "const" STATIC = "static" TYPE = "type" EXTERN = "extern" CRATE = "crate" PUB = "pub"
    UNSAFE = "unsafe" ASYNC = "async" DEFAULT = "default" SAFE = "safe" AUTO = "auto" MACRO = "macro"
    MACRO_RULES = "macro_rules" DYN = "dyn" SELF = "self" SUPER = "super" AS = "as" FOR = "for" WHERE = "where"
    MUT = "mut" CFG = "cfg" CFG_ATTR = "cfg_attr" CFG_SELECT = "cfg_select" PATH = "path"
    DOC = "doc" DERIVE = "derive" ENV = "env" OPTION_ENV = "option_env" INCLUDE = "include"
    INCLUDE_STR = "include_str" INCLUDE_BYTES = "include_bytes" CONCAT = "concat" MACRO_USE = "macro_use"
    MEMOIZE = "memoize" DEPENDS = "depends" DROP = "Drop"
    LINE = "line" COLUMN = "column" FILE = "file" LOCATION = "Location" LINK = "link"
    FEATURE = "feature" TEST = "test" DEBUG_ASSERTIONS = "debug_assertions" UNIX = "unix" WINDOWS = "windows"
}

/// The names seen so far.
pub(crate) struct Symbols {
    texts: Vec<Box<str>>,
    /// Hash table: zero is an empty slot, any other number is a symbol plus one.
    table: Vec<u32>,
}

impl Symbols {
    pub(crate) fn new() -> Self {
        let mut symbols = Symbols { texts: Vec::new(), table: vec![0; 4096] };
        for text in TEXTS {
            symbols.intern(text);
        }
        symbols
    }

    /// Returns the name with this number.
    pub(crate) fn text(&self, symbol: Symbol) -> &str {
        &self.texts[symbol as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Returns the number of a name, and assigns one to a new name. A raw identifier is the same name.
    pub(crate) fn intern(&mut self, text: &str) -> Symbol {
        let text = text.strip_prefix("r#").unwrap_or(text);
        let (slot, found) = self.find_slot(text);
        if let Some(symbol) = found {
            return symbol;
        }
        // Files are limited to 4 GiB, so a program has fewer names than this.
        let symbol = u32::try_from(self.texts.len()).unwrap_or(u32::MAX - 1);
        self.texts.push(text.into());
        self.table[slot] = symbol + 1;
        if self.texts.len() * 2 > self.table.len() {
            self.grow();
        }
        symbol
    }

    /// Returns the number of a name, if it has one.
    pub(crate) fn find(&self, text: &str) -> Option<Symbol> {
        self.find_slot(text.strip_prefix("r#").unwrap_or(text)).1
    }

    fn find_slot(&self, text: &str) -> (usize, Option<Symbol>) {
        let (table, mask) = (&self.table[..], self.table.len() - 1);
        let mut slot = hash(text.as_bytes()) & mask;
        loop {
            match table[slot] {
                0 => return (slot, None),
                entry if *self.texts[entry as usize - 1] == *text => return (slot, Some(entry - 1)),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let mut table = vec![0_u32; self.table.len() * 4];
        let mask = table.len() - 1;
        for entry in self.table.iter().copied().filter(|entry| *entry > 0) {
            let mut slot = hash(self.texts[entry as usize - 1].as_bytes()) & mask;
            while table[slot] > 0 {
                slot = (slot + 1) & mask;
            }
            table[slot] = entry;
        }
        self.table = table;
    }
}

impl Default for Symbols {
    fn default() -> Self {
        Symbols::new()
    }
}

/// Returns the first slot to look at. This crate is usually built without optimization, where a plain loop is much faster
/// than the hasher of std.
fn hash(bytes: &[u8]) -> usize {
    let (mut hash, mut index) = (0_usize, 0);
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as usize).wrapping_mul(0x0100_0193);
        index += 1;
    }
    hash ^ (hash >> 15)
}
