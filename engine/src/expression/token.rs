//! Text to tokens.

use std::borrow::Cow;
use std::ops::Range;

use super::{Fault, FaultKind};

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Binary {
    /// How tightly it binds.
    pub(super) fn level(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::NotEqual => 4,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 5,
            Self::Add | Self::Subtract => 6,
            Self::Multiply | Self::Divide | Self::Remainder => 7,
        }
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(&'a str),
    String(Cow<'a, str>),
    /// A parameter's name, without `@`.
    Name(Cow<'a, str>),
    Word(&'a str),
    Binary(Binary),
    /// The symbol `!`, which binds more tightly than the word `not`.
    Bang,
    Not,
    Open,
    Close,
    Comma,
    End,
}

/// Reads one token after the other.
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// Always at a character's start.
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it stands; [`Token::End`] at the end, again and again.
    pub(super) fn next(&mut self) -> Result<(Token<'a>, Range<usize>), Fault> {
        self.skip_while(char::is_whitespace);
        let start = self.at;
        let Some(first) = self.peek() else {
            return Ok((Token::End, start..start));
        };
        let token = match first {
            '0'..='9' => self.number()?,
            '\'' | '"' => Token::String(self.string()?),
            '@' => self.name()?,
            c if c.is_alphabetic() || c == '_' => self.word(),
            _ => self.symbol(first)?,
        };
        Ok((token, start..self.at))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn skip_while(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !matches(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn fault<T>(&self, start: usize, kind: FaultKind) -> Result<T, Fault> {
        Err(Fault {
            span: start..self.at.max(start + 1).min(self.text.len()),
            kind,
        })
    }

    fn number(&mut self) -> Result<Token<'a>, Fault> {
        let start = self.at;
        self.skip_while(|c| c.is_ascii_digit());
        if self.rest().starts_with('.') {
            self.at += 1;
            self.skip_while(|c| c.is_ascii_digit());
        }
        let exponent = self.rest().strip_prefix(['e', 'E']);
        if let Some(exponent) = exponent {
            let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if digits.starts_with(|c: char| c.is_ascii_digit()) {
                self.at = self.text.len() - digits.len();
                self.skip_while(|c| c.is_ascii_digit());
            }
        }
        // `100m`, `1_000` and `1.` are numbers elsewhere, not here.
        let tail = self.skip_while(|c| c.is_alphanumeric() || c == '_');
        let text = &self.text[start..self.at];
        if tail.is_empty() && !text.ends_with('.') {
            Ok(Token::Number(text))
        } else {
            self.fault(start, FaultKind::Number(text.into()))
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at;
        let quote = self.take();
        let plain = self.skip_while(|c| Some(c) != quote && c != '\\');
        if self.peek() == quote {
            self.take();
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            let at = self.at;
            match self.take() {
                None => {
                    // The rest of the text is no help; the opening quote is.
                    self.at = start + 1;
                    return self.fault(start, FaultKind::UnclosedString);
                }
                Some('\\') => match self.take() {
                    Some(c @ ('\\' | '\'' | '"')) => text.push(c),
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some(c) => return self.fault(at, FaultKind::Escape(c)),
                    None => {}
                },
                c if c == quote => return Ok(Cow::Owned(text)),
                Some(c) => text.push(c),
            }
        }
    }

    /// `@Name`, `@Name.Member`, or `@'any name'` for names that are no words.
    fn name(&mut self) -> Result<Token<'a>, Fault> {
        let start = self.at;
        self.at += 1;
        if matches!(self.peek(), Some('\'' | '"')) {
            return self.string().map(Token::Name);
        }
        let name_start = self.at;
        loop {
            let part = self.skip_while(|c| c.is_alphanumeric() || c == '_');
            if part.is_empty() {
                return self.fault(start, FaultKind::NoName);
            }
            let mut ahead = self.rest().chars();
            let goes_on = ahead.next() == Some('.')
                && ahead
                    .next()
                    .is_some_and(|c| c.is_alphanumeric() || c == '_');
            if !goes_on {
                let name = &self.text[name_start..self.at];
                return Ok(Token::Name(Cow::Borrowed(name)));
            }
            self.at += 1;
        }
    }

    fn word(&mut self) -> Token<'a> {
        // With dots, so that `Order.Total` is told as one unknown word.
        let word = self.skip_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        if word.eq_ignore_ascii_case("and") {
            Token::Binary(Binary::And)
        } else if word.eq_ignore_ascii_case("or") {
            Token::Binary(Binary::Or)
        } else if word.eq_ignore_ascii_case("not") {
            Token::Not
        } else {
            Token::Word(word)
        }
    }

    fn symbol(&mut self, first: char) -> Result<Token<'a>, Fault> {
        const SYMBOLS: [(&str, Token<'static>); 17] = [
            ("||", Token::Binary(Binary::Or)),
            ("&&", Token::Binary(Binary::And)),
            ("==", Token::Binary(Binary::Equal)),
            ("!=", Token::Binary(Binary::NotEqual)),
            ("<=", Token::Binary(Binary::LessOrEqual)),
            (">=", Token::Binary(Binary::GreaterOrEqual)),
            ("<", Token::Binary(Binary::Less)),
            (">", Token::Binary(Binary::Greater)),
            ("+", Token::Binary(Binary::Add)),
            ("-", Token::Binary(Binary::Subtract)),
            ("*", Token::Binary(Binary::Multiply)),
            ("/", Token::Binary(Binary::Divide)),
            ("%", Token::Binary(Binary::Remainder)),
            ("!", Token::Bang),
            ("(", Token::Open),
            (")", Token::Close),
            (",", Token::Comma),
        ];
        const ELSEWHERE: [(&str, &str); 6] = [
            ("<>", "!="),
            ("=<", "<="),
            ("=>", ">="),
            ("=", "=="),
            ("&", "&&"),
            ("|", "||"),
        ];
        let start = self.at;
        for (found, meant) in ELSEWHERE {
            let doubled = meant.len() == 2 && self.rest().starts_with(meant);
            if self.rest().starts_with(found) && !doubled {
                self.at += found.len();
                return self.fault(start, FaultKind::Operator { found, meant });
            }
        }
        for (symbol, token) in SYMBOLS {
            if self.rest().starts_with(symbol) {
                self.at += symbol.len();
                return Ok(token);
            }
        }
        self.take();
        self.fault(start, FaultKind::Character(first))
    }
}
