//! `Code`: Rust text under construction, indented and broken as rustfmt does it.

/// rustfmt's `max_width`, in characters.
const MAX_WIDTH: usize = 100;

/// rustfmt's `fn_call_width` and `chain_width`, in characters: longer calls and chains are broken.
pub(crate) const CALL_WIDTH: usize = 60;

/// rustfmt's `array_width`, in characters: longer arrays are broken.
pub(crate) const ARRAY_WIDTH: usize = 60;

/// Appends lines at the current indentation.
#[derive(Debug)]
pub(crate) struct Code<'a> {
    text: &'a mut String,
    depth: usize,
}

impl<'a> Code<'a> {
    /// Continues `text` at the left margin.
    pub(crate) fn new(text: &'a mut String) -> Self {
        Self { text, depth: 0 }
    }

    /// One line; an empty one stays without trailing spaces.
    pub(crate) fn line(&mut self, line: &str) {
        if !line.is_empty() {
            for _ in 0..self.depth {
                self.text.push_str("    ");
            }
            self.text.push_str(line);
        }
        self.text.push('\n');
    }

    /// Several lines, each at the current indentation.
    pub(crate) fn lines<L: AsRef<str>>(&mut self, lines: impl IntoIterator<Item = L>) {
        for line in lines {
            self.line(line.as_ref());
        }
    }

    /// Doc comments.
    pub(crate) fn docs<L: AsRef<str>>(&mut self, docs: impl IntoIterator<Item = L>) {
        for line in docs {
            match line.as_ref() {
                "" => self.line("///"),
                line => self.line(&format!("/// {line}")),
            }
        }
    }

    /// `open`, the body one step to the right, and `close`.
    pub(crate) fn block(&mut self, open: &str, close: &str, body: impl FnOnce(&mut Self)) {
        self.line(open);
        self.indented(body);
        self.line(close);
    }

    /// Whether `line` ends before the right margin.
    pub(crate) fn fits(&self, line: &str) -> bool {
        self.end_of(line) <= MAX_WIDTH
    }

    /// A function without a body.
    pub(crate) fn declaration(&mut self, name: &str, parameters: &[&str], returns: &str) {
        let line = format!("{name}({}) -> {returns};", parameters.join(", "));
        if self.fits(&line) {
            return self.line(&line);
        }
        self.parameters(name, parameters);
        self.result(returns, ";");
    }

    /// A function with its body.
    pub(crate) fn function(&mut self, name: &str, parameters: &[&str], returns: &str, body: impl FnOnce(&mut Self)) {
        let line = format!("{name}({}) -> {returns} {{", parameters.join(", "));
        if self.fits(&line) {
            return self.block(&line, "}", body);
        }
        self.parameters(name, parameters);
        let last = format!(") -> {returns} {{");
        if !self.result_fits(returns) || self.end_of(&last) + self.margin() <= MAX_WIDTH {
            self.result(returns, " {");
        } else {
            self.result(returns, "");
            self.line("{");
        }
        self.indented(body);
        self.line("}");
    }

    /// `impl<T> trait for type { body }`, with `of` being `impl<T> trait`.
    pub(crate) fn implementation(&mut self, of: &str, type_name: &str, body: impl FnOnce(&mut Self)) {
        let line = format!("{of} for {type_name} {{");
        if self.fits(&line) {
            return self.block(&line, "}", body);
        }
        self.line(of);
        self.line(&format!("    for {type_name}"));
        self.block("{", "}", body);
    }

    /// `pub trait Chat: bounds { body }`, with `head` ending in the colon.
    pub(crate) fn trait_block(&mut self, head: &str, bounds: &str, is_empty: bool, body: impl FnOnce(&mut Self)) {
        let line = format!("{head} {bounds} {{");
        let open = if self.fits(&line) {
            line
        } else {
            self.line(head);
            self.line(&format!("    {bounds}"));
            "{".to_owned()
        };
        if is_empty {
            return self.line(&(open + "}"));
        }
        self.block(&open, "}", body);
    }

    /// The attribute that switches an item on with a feature of cargo, if there is one.
    pub(crate) fn feature(&mut self, feature: Option<&str>) {
        if let Some(feature) = feature {
            self.line(&format!("#[cfg(feature = {feature:?})]"));
        }
    }

    /// The body of a call that nobody has implemented.
    pub(crate) fn unimplemented(&mut self, path: &str) {
        let text = format!("\"{path} is not implemented\"");
        let status = "::core::result::Result::Err(::stolid::Status::unimplemented(";
        let line = format!("{status}{text}))");
        if self.fits(&line) {
            self.line(&line);
        } else {
            self.block(status, "))", |code| code.line(&format!("{text},")));
        }
    }

    /// `name = value;`
    pub(crate) fn assignment(&mut self, name: &str, value: &str) {
        let line = format!("{name} = {value};");
        let broken = format!("    {value};");
        // rustfmt leaves alone what is too long either way.
        if self.fits(&line) || !self.fits(&broken) {
            return self.line(&line);
        }
        self.line(&format!("{name} ="));
        self.line(&broken);
    }

    /// The beginning of a function, with a line for each parameter.
    fn parameters(&mut self, name: &str, parameters: &[&str]) {
        self.line(&format!("{name}("));
        self.indented(|code| {
            for parameter in parameters {
                code.type_or_its_parts(parameter, ",");
            }
        });
    }

    /// The line behind the parameters.
    fn result(&mut self, returns: &str, end: &str) {
        let line = format!(") -> {returns}");
        if self.result_fits(returns) {
            self.line(&(line + end));
        } else {
            self.parts(&line, end);
        }
    }

    /// rustfmt measures a result as if it did not come behind `) `.
    fn result_fits(&self, returns: &str) -> bool {
        self.fits(&format!("-> {returns}"))
    }

    /// Something that ends in a type: on one line if that fits, else one line for each parameter of the type.
    fn type_or_its_parts(&mut self, text: &str, end: &str) {
        let line = format!("{text}{end}");
        if self.fits(&line) {
            self.line(&line);
        } else {
            self.parts(text, end);
        }
    }

    fn parts(&mut self, text: &str, end: &str) {
        let Some((open, parts)) = text.strip_suffix('>').and_then(|text| text.split_once('<')) else {
            return self.line(&format!("{text}{end}"));
        };
        self.line(&format!("{open}<"));
        self.indented(|code| {
            for part in split_parameters(parts) {
                code.type_or_its_parts(part.trim(), ",");
            }
        });
        self.line(&format!(">{end}"));
    }

    fn indented(&mut self, body: impl FnOnce(&mut Self)) {
        self.depth += 1;
        body(self);
        self.depth -= 1;
    }

    /// The width of the indentation.
    fn margin(&self) -> usize {
        4 * self.depth
    }

    fn end_of(&self, line: &str) -> usize {
        self.margin() + line.chars().count()
    }
}

/// The types between the commas of `parts`, but not those within a type's own brackets.
fn split_parameters(parts: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_u32;
    parts.split(move |letter| {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(parameters: &[&str], returns: &str) -> String {
        let mut text = String::new();
        Code::new(&mut text).declaration("fn f", parameters, returns);
        text
    }

    #[test]
    fn a_short_head_stays_on_one_line() {
        assert_eq!(declaration(&["self", "limit: usize"], "Self"), "fn f(self, limit: usize) -> Self;\n");
    }

    #[test]
    fn a_long_head_has_a_line_for_each_parameter() {
        let long = format!("request: {}", "R".repeat(80));

        assert_eq!(
            declaration(&["&self", &long], "Result<(), Status>"),
            format!("fn f(\n    &self,\n    {long},\n) -> Result<(), Status>;\n")
        );
    }

    #[test]
    fn a_long_type_has_a_line_for_each_parameter() {
        let long = "R".repeat(80);

        assert_eq!(
            declaration(&["&self"], &format!("Result<Map<{long}, (A, B)>, Status>")),
            format!("fn f(\n    &self,\n) -> Result<\n    Map<{long}, (A, B)>,\n    Status,\n>;\n")
        );
        assert_eq!(
            declaration(&[&format!("r: Request<Streaming<{long}>>")], "()"),
            format!("fn f(\n    r: Request<\n        Streaming<{long}>,\n    >,\n) -> ();\n")
        );
    }

    #[test]
    fn a_brace_that_does_not_fit_has_a_line_of_its_own() {
        let returns = "R".repeat(95);
        let mut text = String::new();
        Code::new(&mut text).function("fn f", &["&self"], &returns, |code| code.line("x"));

        assert_eq!(text, format!("fn f(\n    &self,\n) -> {returns}\n{{\n    x\n}}\n"));
    }

    #[test]
    fn docs_have_no_trailing_space() {
        let mut text = String::new();
        Code::new(&mut text).docs(["One.", "", "Two."]);

        assert_eq!(text, "/// One.\n///\n/// Two.\n");
    }
}
