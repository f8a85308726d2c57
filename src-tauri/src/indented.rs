//! JSON on lines of its own, for reading, without changing what it says.

/// The same JSON, its fields in their order and its numbers as they are, on lines of their own.
#[must_use]
pub(crate) fn indented(json: &str) -> String {
    let mut text = String::with_capacity(json.len() * 2);
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    let line = |text: &mut String, depth: usize| {
        text.push('\n');
        text.extend(std::iter::repeat_n("  ", depth));
    };
    let mut rest = json.chars().filter(|c| !c.is_control()).peekable();
    while let Some(c) = rest.next() {
        if is_text {
            text.push(c);
            is_text = c != '"' || is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        match c {
            '"' => {
                is_text = true;
                text.push(c);
            }
            '{' | '[' => {
                text.push(c);
                while rest.next_if(|c| c.is_whitespace()).is_some() {}
                if let Some(end) = rest.next_if(|c| matches!(c, '}' | ']')) {
                    text.push(end);
                } else {
                    depth += 1;
                    line(&mut text, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut text, depth);
                text.push(c);
            }
            ',' => {
                text.push(c);
                line(&mut text, depth);
            }
            ':' => text.push_str(": "),
            c if c.is_whitespace() => {}
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_numbers_their_digits() {
        let text = indented(r#"{"b":1.50,"a":{"x":[],"y":{}},"c":[1,12345678901234567890]}"#);
        assert_eq!(
            text,
            "{\n  \"b\": 1.50,\n  \"a\": {\n    \"x\": [],\n    \"y\": {}\n  },\n  \"c\": [\n    1,\n    \
             12345678901234567890\n  ]\n}"
        );
    }

    #[test]
    fn what_stands_in_a_text_is_left_alone() {
        for text in [r#""{a: [1, 2]}""#, r#""a \" , b""#, r#""a \\""#, r#""ä\u001b[2J""#] {
            assert_eq!(indented(text), text);
        }
        assert_eq!(indented(r#"["\\",1]"#), "[\n  \"\\\\\",\n  1\n]");
    }

    #[test]
    fn space_between_tokens_makes_no_difference() {
        let spaced = indented(" { \"a\" : [ 1 , { } ] }\n");
        assert_eq!(spaced, indented(r#"{"a":[1,{}]}"#));
    }
}
