//! Messages taken apart: sentences, clauses and words.

/// One word of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// As it was written, without the punctuation around it.
    pub(super) text: String,
    /// The same in lower case.
    pub(super) lower: String,
    /// Whether a comma followed.
    pub(super) comma: bool,
}

/// A part of a message that says or asks one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clause {
    pub(super) words: Vec<Word>,
    /// Whether it is a question or a request.
    pub(super) asks: bool,
}

/// What is further than this, in bytes, from both ends of a message is not looked at: every message
/// of the history is read again for each answer.
const MAX_EXAMINED: usize = 32 * 1024;

/// More words of one sentence are not looked at.
const MAX_WORDS: usize = 1000;

/// Longer words, in characters, lose their end.
const MAX_WORD: usize = 100;

/// Words that begin a question or a request.
const ASKING: &str = "what who whom whose where when why which how do does did is are am was were \
    can could will would should shall have has tell remind explain describe translate calculate \
    write show list give name say repeat count summarize summarise recap help";

/// Words that may stand before what a message is about.
const FILLERS: &str = "hi hello hey greetings ok okay well so oh and but also please actually yes \
    yeah yep no nope now then sure anyway hmm um alright right great there";

/// Words that begin a new clause after a comma, or after "and", "but" or "so".
const OPENERS: &str = "i my what who where when which how do please tell call can could";

/// Verbs before which "and" may stand for "and I".
const CONTINUING: &str = "am live work like love enjoy hate have speak study come";

/// Abbreviations whose dot ends no sentence.
const ABBREVIATIONS: &str = "mr mrs ms dr st prof";

/// Whether `list`, words with single spaces between them, holds `word`.
pub(super) fn among(word: &str, list: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == word)
}

/// The words after `pattern` if `words` begin with it: words with single spaces between them, or
/// alternatives with `|`.
pub(super) fn after<'w>(words: &'w [Word], pattern: &str) -> Option<&'w [Word]> {
    pattern.split(' ').try_fold(words, |rest, alternatives| {
        let (first, rest) = rest.split_first()?;
        let matches = alternatives.split('|').any(|word| word == first.lower);
        matches.then_some(rest)
    })
}

/// The words before and after the first place where `pattern` stands.
pub(super) fn around<'w>(words: &'w [Word], pattern: &str) -> Option<(&'w [Word], &'w [Word])> {
    (0..words.len()).find_map(|start| {
        let rest = after(&words[start..], pattern)?;
        Some((&words[..start], rest))
    })
}

/// The words as they were written, up to `limit` of them.
pub(super) fn written(words: &[Word], limit: usize) -> String {
    let texts: Vec<&str> = words.iter().take(limit).map(|word| &*word.text).collect();
    texts.join(" ")
}

/// The words in lower case with a space before and after each, for a search of whole words.
pub(super) fn searchable(words: &[Word]) -> String {
    let mut text = String::from(" ");
    for word in words {
        text.push_str(&word.lower);
        text.push(' ');
    }
    text
}

/// The clauses of a message.
pub(super) fn clauses(message: &str) -> impl Iterator<Item = Clause> {
    sentences(message)
        .into_iter()
        .flat_map(|sentence| {
            let asked = sentence.trim_end().ends_with(['?', '？']);
            let parts = split(&words(sentence));
            let last = parts.len().saturating_sub(1);
            parts.into_iter().enumerate().map(move |(index, words)| clause(words, asked && index == last))
        })
        .filter(|clause| !clause.words.is_empty())
}

/// The sentences of a message, each with what ends it; of a very long one those at its beginning and
/// at its end.
pub(super) fn sentences(message: &str) -> Vec<&str> {
    if message.len() <= 2 * MAX_EXAMINED {
        return sentences_of(message);
    }
    let boundary = |from: usize| (from..).find(|at| message.is_char_boundary(*at));
    let head = boundary(MAX_EXAMINED).unwrap_or_default();
    let tail = boundary(message.len() - MAX_EXAMINED).unwrap_or_default();
    let mut sentences = sentences_of(&message[..head]);
    sentences.extend(sentences_of(&message[tail..]));
    sentences
}

fn sentences_of(message: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut start = 0;
    let mut chars = message.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let before_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let ends = match c {
            '\n' | '?' | '!' | ';' | '。' | '！' | '？' => true,
            '.' => before_space && !is_abbreviation(&message[start..at]),
            _ => false,
        };
        if ends {
            let end = at + c.len_utf8();
            sentences.push(&message[start..end]);
            start = end;
        }
    }
    sentences.push(&message[start..]);
    sentences.retain(|sentence| sentence.chars().any(|c| !c.is_whitespace() && !is_mark(c)));
    sentences
}

/// Whether a dot after `text` belongs to its last word, as in "Dr." and "J.".
fn is_abbreviation(text: &str) -> bool {
    let word = text.rsplit(char::is_whitespace).next().unwrap_or(text);
    let mut letters = word.chars();
    let initial = letters.next().is_some_and(char::is_uppercase) && letters.next().is_none();
    // "I" is a word that often ends a sentence.
    (initial && word != "I") || among(&word.to_lowercase(), ABBREVIATIONS)
}

fn clause(words: Vec<Word>, asked: bool) -> Clause {
    let words = without_fillers(words);
    let asks = asked || words.first().is_some_and(|word| among(&word.lower, ASKING));
    Clause { words, asks }
}

fn without_fillers(mut words: Vec<Word>) -> Vec<Word> {
    loop {
        let skip = if words.len() > 1 && among(&words[0].lower, FILLERS) {
            1
        } else if after(&words, "by the way").is_some_and(|rest| !rest.is_empty()) {
            3
        } else if after(&words, "can|could|would|will you").is_some_and(|rest| !rest.is_empty()) {
            2
        } else {
            return words;
        };
        words.drain(..skip);
    }
}

/// The words of a sentence, clause by clause.
fn split(words: &[Word]) -> Vec<Vec<Word>> {
    let mut clauses = Vec::new();
    let mut clause: Vec<Word> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let rest = &words[index + 1..];
        let joins = among(&word.lower, "and but so");
        let continues = joins
            && rest.first().is_some_and(|next| among(&next.lower, CONTINUING))
            && clause.iter().any(|word| word.lower == "i");
        let ends = (joins || word.comma) && opens(rest);
        if !(joins && (ends || continues)) {
            clause.push(word.clone());
        }
        if ends || continues {
            clauses.push(std::mem::take(&mut clause));
        }
        if continues {
            push_word(&mut clause, "I", false);
        }
    }
    clauses.push(clause);
    clauses.retain(|clause| !clause.is_empty());
    clauses
}

/// Whether a clause may begin with these words.
fn opens(words: &[Word]) -> bool {
    let Some((first, rest)) = words.split_first() else {
        return false;
    };
    // "I like my dog and my cat" goes on where "and my cat is called Tom" begins anew.
    let says = |word: &Word| among(&word.lower, "is are was were");
    among(&first.lower, OPENERS) && (first.lower != "my" || rest.iter().take(5).any(says))
}

fn words(sentence: &str) -> Vec<Word> {
    let mut words = Vec::new();
    for token in sentence.split_whitespace().take(MAX_WORDS) {
        let token = match token.char_indices().nth(MAX_WORD) {
            Some((end, _)) => &token[..end],
            None => token,
        };
        // "tea,chess" holds two words, "1,000" one.
        let token = token.replace('’', "'");
        let parts: Vec<&str> = if token.bytes().any(|byte| byte.is_ascii_digit()) {
            vec![&token]
        } else {
            token.split_inclusive([',', '，', '、']).collect()
        };
        for part in parts {
            let comma = part.ends_with([',', '，', '、', ':']);
            let text = part
                .trim_start_matches(|c: char| is_mark(c) && !"#+@$€£".contains(c))
                .trim_end_matches(|c: char| is_mark(c) && !"#+%°€£".contains(c));
            if !text.is_empty() {
                push_word(&mut words, text, comma);
            } else if comma && let Some(last) = words.last_mut() {
                last.comma = true;
            }
        }
    }
    words
}

/// Whether a character is punctuation rather than a letter, a digit or a picture.
fn is_mark(c: char) -> bool {
    c.is_ascii_punctuation() || "“”„‘«»…–—¿¡。！？，、".contains(c)
}

/// Appends a word, a contraction as the two words that it stands for.
fn push_word(words: &mut Vec<Word>, text: &str, comma: bool) {
    let lower = text.to_lowercase();
    let (first, second) = match lower.as_str() {
        "im" => ("I", "am"),
        "ive" => ("I", "have"),
        "whats" => ("what", "is"),
        "cannot" | "can't" | "cant" => ("can", "not"),
        "won't" => ("will", "not"),
        "name's" => ("name", "is"),
        _ => match lower.rsplit_once('\'') {
            Some((first, "m")) => (first, "am"),
            Some((first, "ve")) => (first, "have"),
            Some((first, "d")) => (first, "would"),
            Some((first, "ll")) => (first, "will"),
            Some((first, "re")) => (first, "are"),
            Some((first, "t")) if first.ends_with('n') => (&first[..first.len() - 1], "not"),
            Some((first, "s")) if among(first, "what who where when how it that there here") => (first, "is"),
            _ if among(&lower, "dont doesnt didnt isnt arent") => (&lower[..lower.len() - 2], "not"),
            _ => {
                words.push(Word { text: text.to_owned(), lower, comma });
                return;
            }
        },
    };
    for (text, comma) in [(first, false), (second, comma)] {
        words.push(Word { text: text.to_owned(), lower: text.to_lowercase(), comma });
    }
}
