//! The smallest PDF that says a few lines: one page, one built-in font, no compression.

use std::fmt::Write;

/// A one-page document with these lines.
pub(super) fn of_lines(lines: &[String]) -> Vec<u8> {
    let mut content = String::from("BT /F1 12 Tf 18 TL 56 780 Td\n");
    for line in lines {
        let _ = writeln!(content, "({}) Tj T*", literal(line));
    }
    content.push_str("ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
    ];
    assemble(&objects)
}

/// Text as a PDF string in ASCII; what the font encoding lacks is spelled near enough.
fn literal(text: &str) -> String {
    let mut safe = String::new();
    for c in text.chars() {
        match c {
            '(' | ')' | '\\' => {
                safe.push('\\');
                safe.push(c);
            }
            '×' => safe.push('x'),
            '–' | '—' => safe.push('-'),
            '€' => safe.push_str("EUR "),
            '£' => safe.push_str("GBP "),
            '¥' => safe.push_str("JPY "),
            ' '..='~' => safe.push(c),
            _ => safe.push('?'),
        }
    }
    safe
}

fn assemble(objects: &[String]) -> Vec<u8> {
    let mut document = String::from("%PDF-1.4\n");
    let mut offsets = Vec::with_capacity(objects.len());
    for (index, object) in objects.iter().enumerate() {
        offsets.push(document.len());
        let _ = write!(document, "{} 0 obj\n{object}\nendobj\n", index + 1);
    }
    let start = document.len();
    let count = objects.len() + 1;
    let _ = write!(document, "xref\n0 {count}\n0000000000 65535 f \n");
    for offset in offsets {
        let _ = writeln!(document, "{offset:010} 00000 n ");
    }
    let _ = write!(document, "trailer << /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    document.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cross_references_point_at_the_objects() {
        let text = String::from_utf8(of_lines(&["A (b) €5".into()])).expect("ascii");
        assert!(text.contains("(A \\(b\\) EUR 5) Tj"));
        for (number, line) in text.lines().skip_while(|line| *line != "0000000000 65535 f ").skip(1).take(5).enumerate()
        {
            let offset: usize = line[..10].parse().expect("an offset");
            assert!(text[offset..].starts_with(&format!("{} 0 obj", number + 1)));
        }
    }
}
