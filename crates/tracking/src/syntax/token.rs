//! Tokens, and the text that they are part of.

use std::ops::Range;

use crate::syntax::symbols::{Symbol, Symbols, known};

/// The kind of a [`Token`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum TokenKind {
    /// An identifier or a keyword.
    Ident,
    /// A lifetime or a label, such as `'a`.
    Lifetime,
    /// A string literal of any kind, including raw strings, byte strings and C strings.
    Str,
    /// Any other literal.
    Literal,
    /// One character of punctuation.
    Punct,
    /// An opening bracket: `(`, `[` or `{`.
    Open,
    /// A closing bracket: `)`, `]` or `}`.
    Close,
    /// A documentation comment.
    DocComment,
}

/// A token of a [`Tokens`].
#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub(crate) kind: TokenKind,
    /// For punctuation: whether more punctuation follows without a space.
    pub(crate) joint: bool,
    /// The character of punctuation, or the bracket.
    pub(crate) byte: u8,
    /// For an identifier: its symbol. For a bracket: the index of its counterpart.
    pub(crate) data: u32,
    /// The byte range in the text.
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Token {
    /// Returns the kind of the token.
    #[must_use]
    pub fn kind(&self) -> TokenKind {
        self.kind
    }

    /// Returns whether punctuation is followed by more punctuation without a space between them.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        self.joint
    }

    /// Returns the byte range of the token in its text.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn is(&self, byte: u8) -> bool {
        self.kind == TokenKind::Punct && self.byte == byte
    }

    pub(crate) fn opens(&self, bracket: u8) -> bool {
        self.kind == TokenKind::Open && self.byte == bracket
    }

    pub(crate) fn is_name(&self, symbol: Symbol) -> bool {
        self.kind == TokenKind::Ident && self.data == symbol
    }

    pub(crate) fn name(&self) -> Option<Symbol> {
        (self.kind == TokenKind::Ident).then_some(self.data)
    }
}

/// A text and its tokens.
///
/// Made from a text by [`lex`](crate::lex), or token by token with the `push_*` methods.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    pub(crate) text: String,
    pub(crate) list: Vec<Token>,
    /// Indexes of the brackets that are still open, while tokens are pushed.
    open: Vec<usize>,
}

impl Tokens {
    /// Makes a list without tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn from_parts(text: String, list: Vec<Token>) -> Self {
        Tokens { text, list, open: Vec::new() }
    }

    /// Appends an identifier, raw ones with their `r#`.
    pub fn push_ident(&mut self, text: &str) {
        self.push(TokenKind::Ident, 0, text, known::EMPTY);
    }

    /// Appends a lifetime, with its `'`.
    pub fn push_lifetime(&mut self, text: &str) {
        self.push(TokenKind::Lifetime, 0, text, 0);
    }

    /// Appends a literal, as it is written in source code.
    pub fn push_literal(&mut self, text: &str) {
        let is_str = text.ends_with('"') || text.ends_with('#');
        self.push(if is_str { TokenKind::Str } else { TokenKind::Literal }, 0, text, 0);
    }

    /// Appends one character of punctuation. `joint` says that more punctuation follows without a space.
    pub fn push_punct(&mut self, punct: char, joint: bool) {
        // Rust has no punctuation outside of ASCII.
        let byte = u8::try_from(punct).unwrap_or(b'?');
        self.push(TokenKind::Punct, byte, punct.encode_utf8(&mut [0; 4]), 0);
        if let Some(token) = self.list.last_mut() {
            token.joint = joint;
        }
    }

    /// Appends an opening bracket.
    pub fn push_open(&mut self, bracket: Bracket) {
        self.open.push(self.list.len());
        let byte = bracket.opening();
        self.push(TokenKind::Open, byte, char::from(byte).encode_utf8(&mut [0; 4]), 0);
    }

    /// Appends the bracket that closes the last open one. Does nothing if none is open.
    pub fn push_close(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let closing = match self.list[open].byte {
            b'(' => b')',
            b'[' => b']',
            _ => b'}',
        };
        self.list[open].data = short(self.list.len());
        self.push(TokenKind::Close, closing, char::from(closing).encode_utf8(&mut [0; 4]), short(open));
    }

    fn push(&mut self, kind: TokenKind, byte: u8, text: &str, data: u32) {
        let start = short(self.text.len());
        self.text.push_str(text);
        self.list.push(Token { kind, joint: false, byte, data, start, end: short(self.text.len()) });
        self.text.push(' ');
    }

    /// Gives identifiers that were pushed their symbols.
    #[must_use]
    pub(crate) fn interned(&self, symbols: &mut Symbols) -> Self {
        let mut tokens = self.clone();
        for token in tokens.list.iter_mut().filter(|token| token.kind == TokenKind::Ident) {
            token.data = symbols.intern(&self.text[token.range()]);
        }
        tokens
    }

    /// Returns the number of tokens. A bracket is a token.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns whether there are no tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns an iterator over the tokens.
    pub fn iter(&self) -> std::slice::Iter<'_, Token> {
        self.list.iter()
    }

    /// Returns the text of one of these tokens.
    #[must_use]
    pub fn text_of(&self, token: &Token) -> &str {
        &self.text[token.range()]
    }

    /// Returns the range of all indexes.
    pub(crate) fn all(&self) -> Range<usize> {
        0..self.list.len()
    }

    /// Returns the token at an index. The index may be past the end.
    pub(crate) fn get(&self, index: usize) -> Option<&Token> {
        self.list.get(index)
    }

    pub(crate) fn is(&self, index: usize, byte: u8) -> bool {
        self.get(index).is_some_and(|token| token.is(byte))
    }

    pub(crate) fn is_name(&self, index: usize, symbol: Symbol) -> bool {
        self.get(index).is_some_and(|token| token.is_name(symbol))
    }

    pub(crate) fn opens(&self, index: usize, bracket: u8) -> bool {
        self.get(index).is_some_and(|token| token.opens(bracket))
    }

    pub(crate) fn name(&self, index: usize) -> Option<Symbol> {
        self.get(index).and_then(Token::name)
    }

    /// Returns the index of the bracket that closes the one at `open`.
    pub(crate) fn close_of(&self, open: usize) -> usize {
        self.list[open].data as usize
    }

    /// Returns the index after the token or the whole group at `index`.
    pub(crate) fn after(&self, index: usize) -> usize {
        match self.get(index) {
            Some(token) if token.kind == TokenKind::Open => token.data as usize + 1,
            _ => index + 1,
        }
    }

    /// Returns whether `::` begins at `index`.
    pub(crate) fn is_path_sign(&self, index: usize) -> bool {
        self.is(index, b':') && self.list[index].joint && self.is(index + 1, b':')
    }

    /// Returns the tokens in one line, for messages and for `cfg!`.
    pub(crate) fn readable(&self, range: Range<usize>) -> String {
        let mut line = String::new();
        let list = &self.list[range];
        for (index, token) in list.iter().enumerate().filter(|(_, token)| token.kind != TokenKind::DocComment) {
            let before = index.checked_sub(1).map(|before| list[before]);
            let is_wordy = |token: &Token| {
                matches!(token.kind, TokenKind::Ident | TokenKind::Lifetime | TokenKind::Str | TokenKind::Literal)
            };
            let needs_space = match before {
                None => false,
                Some(before) if is_wordy(token) => {
                    is_wordy(&before)
                        || before.kind == TokenKind::Close
                        || matches!(before.byte, b',' | b'>' | b'=' | b'+')
                }
                Some(before) => matches!(token.byte, b'=' | b'+' | b'{') && !before.joint || before.is_name(known::FOR),
            };
            if needs_space {
                line.push(' ');
            }
            line.push_str(self.text_of(token));
        }
        line
    }
}

impl<'t> IntoIterator for &'t Tokens {
    type Item = &'t Token;
    type IntoIter = std::slice::Iter<'t, Token>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The kind of a bracket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bracket {
    /// `( )`
    Parenthesis,
    /// `[ ]`
    Square,
    /// `{ }`
    Brace,
}

impl Bracket {
    fn opening(self) -> u8 {
        match self {
            Bracket::Parenthesis => b'(',
            Bracket::Square => b'[',
            Bracket::Brace => b'{',
        }
    }
}

/// Returns a position in 32 bits. The lexer refuses texts that are longer.
pub(crate) fn short(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
