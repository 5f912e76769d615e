//! Tokens: of files, and of what the compiler hands to the attribute.

use std::ops::Range;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::lexer;
use super::symbols::{Symbol, Symbols};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Name,
    Lifetime,
    /// A string, also a raw one, one of bytes and a C string.
    Text,
    /// Any other literal.
    Literal,
    Sign,
    Open,
    Close,
    /// A comment that documents.
    Doc,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Of a sign: whether another one follows at once.
    pub(crate) joint: bool,
    /// The sign, or the bracket.
    pub(crate) sign: u8,
    /// Of a name: its symbol. Of a bracket: the index of the other one.
    pub(crate) data: u32,
    /// Where it is in the text, in bytes.
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Token {
    pub(crate) fn is(&self, sign: u8) -> bool {
        self.kind == Kind::Sign && self.sign == sign
    }

    pub(crate) fn opens(&self, bracket: u8) -> bool {
        self.kind == Kind::Open && self.sign == bracket
    }

    pub(crate) fn is_name(&self, symbol: Symbol) -> bool {
        self.kind == Kind::Name && self.data == symbol
    }

    pub(crate) fn name(&self) -> Option<Symbol> {
        (self.kind == Kind::Name).then_some(self.data)
    }
}

/// A text and its tokens.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) text: String,
    pub(crate) list: Vec<Token>,
}

impl Tokens {
    pub(crate) fn of_text(text: String, symbols: &mut Symbols) -> Result<Self, String> {
        let list = lexer::lex(&text, symbols)?;
        Ok(Tokens { text, list })
    }

    /// The tokens that the compiler gives. The groups without brackets that macros leave around what
    /// they were given mean nothing.
    pub(crate) fn of_stream(stream: TokenStream, symbols: &mut Symbols) -> Self {
        let mut tokens = Tokens::default();
        tokens.append(stream, symbols);
        tokens
    }

    fn append(&mut self, stream: TokenStream, symbols: &mut Symbols) {
        let mut stream = stream.into_iter().peekable();
        while let Some(tree) = stream.next() {
            match tree {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => (b'(', b')'),
                        Delimiter::Brace => (b'{', b'}'),
                        Delimiter::Bracket => (b'[', b']'),
                        Delimiter::None => {
                            self.append(group.stream(), symbols);
                            continue;
                        }
                    };
                    let opened = self.list.len();
                    self.push(Kind::Open, open, char::from(open).encode_utf8(&mut [0; 4]), 0);
                    self.append(group.stream(), symbols);
                    let closed = self.list.len();
                    self.push(Kind::Close, close, char::from(close).encode_utf8(&mut [0; 4]), short(opened));
                    self.list[opened].data = short(closed);
                }
                TokenTree::Ident(ident) => {
                    let text = ident.to_string();
                    let symbol = symbols.intern(&text);
                    self.push(Kind::Name, 0, &text, symbol);
                }
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    let is_text = text.ends_with('"') || text.ends_with('#');
                    self.push(if is_text { Kind::Text } else { Kind::Literal }, 0, &text, 0);
                }
                TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                    if let Some(TokenTree::Ident(ident)) = stream.next() {
                        let text = format!("'{ident}");
                        self.push(Kind::Lifetime, 0, &text, 0);
                    }
                }
                TokenTree::Punct(punct) => {
                    // Signs are ASCII, all of them.
                    let sign = u8::try_from(punct.as_char()).unwrap_or(b'?');
                    let before_sign = matches!(stream.peek(), Some(TokenTree::Punct(next)) if next.as_char() != '\'');
                    self.push(Kind::Sign, sign, punct.as_char().encode_utf8(&mut [0; 4]), 0);
                    if let Some(token) = self.list.last_mut() {
                        token.joint = before_sign && punct.spacing() == Spacing::Joint;
                    }
                }
            }
        }
    }

    fn push(&mut self, kind: Kind, sign: u8, text: &str, data: u32) {
        let start = short(self.text.len());
        self.text.push_str(text);
        self.list.push(Token { kind, joint: false, sign, data, start, end: short(self.text.len()) });
        self.text.push(' ');
    }

    pub(crate) fn all(&self) -> Range<usize> {
        0..self.list.len()
    }

    pub(crate) fn text_of(&self, token: &Token) -> &str {
        &self.text[token.start as usize..token.end as usize]
    }

    /// The token at an index, if it is there: so that nobody needs to look where the tokens end.
    pub(crate) fn get(&self, index: usize) -> Option<&Token> {
        self.list.get(index)
    }

    pub(crate) fn is(&self, index: usize, sign: u8) -> bool {
        self.get(index).is_some_and(|token| token.is(sign))
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

    /// The index of the bracket that closes the one at `open`.
    pub(crate) fn close_of(&self, open: usize) -> usize {
        self.list[open].data as usize
    }

    /// The index behind the token or the whole group at `index`.
    pub(crate) fn after(&self, index: usize) -> usize {
        match self.get(index) {
            Some(token) if token.kind == Kind::Open => token.data as usize + 1,
            _ => index + 1,
        }
    }

    /// Whether `::` begins at `index`.
    pub(crate) fn is_path_sign(&self, index: usize) -> bool {
        self.is(index, b':') && self.list[index].joint && self.is(index + 1, b':')
    }

    /// The tokens in one line, for people and for the compiler.
    pub(crate) fn readable(&self, range: Range<usize>) -> String {
        let mut line = String::new();
        let list = &self.list[range];
        for (index, token) in list.iter().enumerate().filter(|(_, token)| token.kind != Kind::Doc) {
            let before = index.checked_sub(1).map(|before| list[before]);
            let is_wordy =
                |token: &Token| matches!(token.kind, Kind::Name | Kind::Lifetime | Kind::Text | Kind::Literal);
            let apart = match before {
                None => false,
                Some(before) if is_wordy(token) => {
                    is_wordy(&before) || before.kind == Kind::Close || matches!(before.sign, b',' | b'>' | b'=' | b'+')
                }
                Some(before) => {
                    matches!(token.sign, b'=' | b'+' | b'{') && !before.joint
                        || before.is_name(super::symbols::known::FOR)
                }
            };
            if apart {
                line.push(' ');
            }
            line.push_str(self.text_of(token));
        }
        line
    }
}

/// Positions fit into 32 bits: the lexer refuses files that are longer, and a function is shorter.
pub(crate) fn short(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
