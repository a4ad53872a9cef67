//! Comments that rustdoc would take for something else.

use super::*;

fn docs(comment: &str) -> String {
    markdown(comment.lines(), Addresses::Link).join("\n")
}

#[test]
fn prose_loses_its_margin_only() {
    assert_eq!(docs(" One *word*.\n\n Two _words_.  \n"), "One *word*.\n\nTwo _words_.");
}

#[test]
fn blank_comments_are_none() {
    assert_eq!(docs(" \n\n\t\n"), "");
    assert!(doc_lines(&Comments::default()).is_empty());
}

#[test]
fn leading_and_trailing_comments_are_two_paragraphs() {
    let comments = Comments {
        leading_detached: vec![vec![" Not about this.".into()]],
        leading: vec![" Before.".into()],
        trailing: vec![" After.".into()],
    };

    assert_eq!(doc_lines(&comments), ["Before.", "", "After."]);
}

#[test]
fn indented_code_is_text() {
    assert_eq!(
        docs(" Use it so:\n\n     let x = room[0];\n\n       x\n\n Done."),
        "Use it so:\n\n```text\nlet x = room[0];\n\n  x\n```\n\nDone."
    );
    assert_eq!(docs("     code\n prose"), "```text\ncode\n```\nprose");
    assert_eq!(docs("a\n\n\tcode"), "a\n\n```text\ncode\n```");
    assert_eq!(docs(" a\n\n     ```` x\n     y"), "a\n\n`````text\n```` x\ny\n`````");
}

#[test]
fn fenced_code_is_text() {
    assert_eq!(docs("```\nunsafe { oops() }\n```"), "```text\nunsafe { oops() }\n```");
    assert_eq!(docs("```rust\nlet x = [0];\n```\nb"), "```text\nlet x = [0];\n```\nb");
    assert_eq!(docs("~~~~ json\n```\n~~~\n~~~~~"), "~~~~text\n```\n~~~\n~~~~");
}

#[test]
fn a_fence_without_end_is_closed() {
    assert_eq!(docs("a\n```\nlet x;"), "a\n```text\nlet x;\n```");
    assert_eq!(docs("a\n```"), "a\n```text\n```");
}

#[test]
fn fences_in_lists_keep_their_place() {
    assert_eq!(docs("- a\n\n  ```\n  code\n    more\n ```\n- b"), "- a\n\n  ```text\n  code\n    more\n  ```\n- b");
}

#[test]
fn nothing_outside_a_fence_is_indented_by_four() {
    assert_eq!(docs("a\n     b\n- c\n    - d\n\n        e"), "a\n   b\n- c\n   - d\n\n   e");
    assert_eq!(docs("-     code\n>     code\n1.     code"), "- code\n> code\n1. code");
}

#[test]
fn fences_hidden_in_lists_and_quotes_are_escaped() {
    assert_eq!(docs("- ```rust\n> ~~~"), "- \\`\\`\\`rust\n> \\~\\~\\~");
}

#[test]
fn brackets_are_not_links() {
    assert_eq!(
        docs("rooms[0] and [Room] and [Room](super::Room) and [a][b]"),
        "rooms\\[0\\] and \\[Room\\] and \\[Room\\](super::Room) and \\[a\\]\\[b\\]"
    );
    assert_eq!(docs("[Room]: super::Room"), "\\[Room\\]: super::Room");
    assert_eq!(docs("already \\[Room\\]"), "already \\[Room\\]");
}

#[test]
fn web_links_stay() {
    assert_eq!(
        docs("see [the guide](https://example.com/a_b), please"),
        "see [the guide](https://example.com/a_b), please"
    );
    assert_eq!(docs("see (https://example.com/a). More"), "see (<https://example.com/a>). More");
    assert_eq!(
        docs("<http://example.com> and xhttp://no and http:// alone"),
        "<http://example.com> and xhttp://no and http:// alone"
    );
}

#[test]
fn prost_makes_links_itself() {
    assert_eq!(
        comment_for_prost(" see https://example.com and <https://example.com>\n"),
        "see https://example.com and https://example.com"
    );
    assert_eq!(comment_for_prost(" \n"), "");
}

#[test]
fn tags_are_not_html() {
    assert_eq!(docs("a Map<String, T> <b> <!-- x"), "a Map\\<String, T> \\<b> \\<!-- x");
}

#[test]
fn code_in_a_line_stays() {
    assert_eq!(docs("`Vec<[u8]>` and ``a ` b`` and ```x[0]```"), "`Vec<[u8]>` and ``a ` b`` and ```x[0]```");
    assert_eq!(docs("a lonely ` and `` too"), "a lonely \\` and \\`\\` too");
}

#[test]
fn comment_ends_and_backslashes_are_text() {
    assert_eq!(docs("a */ b /* c"), "a */ b /* c");
    assert_eq!(docs("C:\\dir \\* \\"), "C:\\\\dir \\* \\\\");
}

#[test]
fn characters_that_compilers_refuse_are_dropped() {
    assert_eq!(docs("a\rb\u{202e}c\u{7}d"), "a bcd".replace("cd", "c d"));
    assert_eq!(comment_without_controls(" a\rb\n c"), " a b\n c");
}
