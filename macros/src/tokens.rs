//! The compiler's tokens and positions, as the tracking crate takes them.

use std::path::PathBuf;

use larder_tracking::{Bracket, Position, Tokens};
use proc_macro2::{Delimiter, Ident, Spacing, Span, TokenStream, TokenTree};

/// Converts the compiler's tokens. The invisible groups that macros put around their input are left out.
pub(crate) fn convert(stream: TokenStream) -> Tokens {
    let mut tokens = Tokens::new();
    append(stream, &mut tokens);
    tokens
}

fn append(stream: TokenStream, tokens: &mut Tokens) {
    let mut stream = stream.into_iter().peekable();
    while let Some(tree) = stream.next() {
        match tree {
            TokenTree::Group(group) => {
                let bracket = match group.delimiter() {
                    Delimiter::Parenthesis => Bracket::Parenthesis,
                    Delimiter::Brace => Bracket::Brace,
                    Delimiter::Bracket => Bracket::Square,
                    Delimiter::None => {
                        append(group.stream(), tokens);
                        continue;
                    }
                };
                tokens.push_open(bracket);
                append(group.stream(), tokens);
                tokens.push_close();
            }
            TokenTree::Ident(ident) => tokens.push_ident(&ident.to_string()),
            TokenTree::Literal(literal) => tokens.push_literal(&literal.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                if let Some(TokenTree::Ident(ident)) = stream.next() {
                    tokens.push_lifetime(&format!("'{ident}"));
                }
            }
            TokenTree::Punct(punct) => {
                let before_punct = matches!(stream.peek(), Some(TokenTree::Punct(next)) if next.as_char() != '\'');
                tokens.push_punct(punct.as_char(), before_punct && punct.spacing() == Spacing::Joint);
            }
        }
    }
}

/// Returns the pairs of names with `::` between them, where a path begins with the first.
pub(crate) fn follow(stream: TokenStream) -> Vec<(Ident, Ident)> {
    let mut found = Vec::new();
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let is = |token: Option<&TokenTree>, sign: char| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
    for (index, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            found.extend(follow(group.stream()));
        }
        if let [TokenTree::Ident(first), colon, second, TokenTree::Ident(next), ..] = &tokens[index..]
            && is(Some(colon), ':')
            && is(Some(second), ':')
            && !is(index.checked_sub(1).and_then(|before| tokens.get(before)), ':')
        {
            found.push((first.clone(), next.clone()));
        }
    }
    found
}

/// Returns the position of a span. Returns `None` where there are no files, as in rust-analyzer.
pub(crate) fn position(span: Span) -> Option<Position> {
    let span = span.unwrap();
    Some(Position::new(&span.local_file()?, span.start().line(), span.start().column()))
}

/// Returns the positions of all tokens.
pub(crate) fn positions(stream: TokenStream) -> Vec<Position> {
    fn gather(tree: TokenTree, last: &mut Option<(PathBuf, Position)>, found: &mut Vec<Position>) {
        let span = tree.span().unwrap();
        if let Some(file) = span.local_file() {
            // Making a path canonical takes several calls of the system, and most tokens are of one file.
            if last.as_ref().is_none_or(|(known, _)| *known != file) {
                *last = Some((file.clone(), Position::new(&file, 0, 0)));
            }
            if let Some((_, known)) = last {
                let mut position = known.clone();
                (position.line, position.column) = (span.start().line(), span.start().column());
                found.push(position);
            }
        }
        if let TokenTree::Group(group) = tree {
            group.stream().into_iter().for_each(|tree| gather(tree, last, found));
        }
    }
    let (mut last, mut found) = (None, Vec::new());
    stream.into_iter().for_each(|tree| gather(tree, &mut last, &mut found));
    found
}
