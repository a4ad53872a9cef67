//! Makes errors of panics: prost-build reports some of what it cannot do in no other way.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Held while the hook is exchanged, so that each call puts back what it found.
static HOOK: Mutex<()> = Mutex::new(());

/// What `run` returns, or the text of its panic, of which nothing is printed.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let _exchanged = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let before = Arc::new(panic::take_hook());
    let (this_thread, of_others) = (thread::current().id(), Arc::clone(&before));
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() != this_thread {
            of_others(panic);
        }
    }));
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    panic::set_hook(Box::new(move |panic| before(panic)));
    outcome.map_err(|panic| text(&*panic))
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_become_texts() {
        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(caught(|| -> u8 { panic!("broken") }), Err("broken".to_owned()));
        assert_eq!(caught(|| -> u8 { panic!("broken {}", 2) }), Err("broken 2".to_owned()));
        assert_eq!(caught(|| panic::panic_any(1)), Err("a panic without a text".to_owned()));
    }
}
