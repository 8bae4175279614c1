//! Tables as files for spreadsheets. They are sent while they are read, however long they are.

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};

/// How many lines are read at once.
pub(super) const AT_ONCE: u32 = 1000;

/// Some lines, and what is left to be read after them.
pub(super) type Piece<R> = (String, Option<R>);

/// A file that begins with `head` and goes on with what `next` reads, piece by piece.
pub(super) fn file<R, N, E>(
    name: &str,
    head: &'static str,
    reading: R,
    next: impl Fn(R) -> N + Send + Clone + 'static,
) -> Response
where
    R: Send + 'static,
    N: Future<Output = Result<Option<Piece<R>>, E>> + Send,
    E: std::error::Error + Send + Sync + 'static,
{
    let lines = stream::try_unfold(Some(reading), move |reading| {
        let next = next.clone();
        async move {
            match reading {
                Some(reading) => next(reading).await,
                None => Ok(None),
            }
        }
    });
    let body = Body::from_stream(stream::once(async move { Ok(head.to_owned()) }).chain(lines));
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned());
    let name = (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    ([kind, name], body).into_response()
}

/// Whether so many lines are as many as were asked for, so that there may be more.
pub(super) fn is_full(lines: usize) -> bool {
    u32::try_from(lines).is_ok_and(|lines| lines >= AT_ONCE)
}

/// A line of cells.
pub(super) fn line(cells: &[String]) -> String {
    format!("{}\r\n", cells.join(","))
}

/// A text as a cell. What a spreadsheet would take for a formula is marked as text: people choose the names of keys.
pub(super) fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\r', '\n', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_never_a_formula_and_never_two() {
        assert_eq!(cell("Ada"), "Ada");
        assert_eq!(cell("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(cell("+1"), "'+1");
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("a\nb"), "\"a\nb\"");
    }
}
