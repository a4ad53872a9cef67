//! What the programs write on a terminal: boxes, wrapped text, colours and times.
//!
//! Everything here turns values into text and leaves the writing to its caller, so that a test with a fixed
//! clock and a plain theme sees exactly what a person sees.

pub mod boxes;
pub mod clock;
pub mod durations;
pub mod printable;
pub mod theme;
pub mod wrap;

/// No box and no line of an answer is wider than this many columns.
pub const MAX_WIDTH: usize = 64;

/// Below this many columns nothing of a box would be left; a narrower terminal breaks the lines itself.
const MIN_WIDTH: usize = 16;

/// Tells how many columns there are to write in.
pub type Width = fn() -> usize;

/// As many columns as the terminal on standard output has at this moment, at most [`MAX_WIDTH`]; a pipe has so many.
pub fn width_of_standard_output() -> usize {
    terminal_size::terminal_size_of(std::io::stdout())
        .map_or(MAX_WIDTH, |(columns, _)| usize::from(columns.0).clamp(MIN_WIDTH, MAX_WIDTH))
}

/// The columns of a file.
pub fn width_of_a_file() -> usize {
    MAX_WIDTH
}
