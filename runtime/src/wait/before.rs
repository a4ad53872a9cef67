//! What a thread sees to before it blocks in a call of ours.

use std::cell::RefCell;
use std::rc::Rc;

thread_local! {
    static BEFORE: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// The calling thread runs `duty` before it blocks, until the guard is dropped. `duty` must not block itself.
pub(crate) fn blocking(duty: Rc<dyn Fn()>) -> Duty {
    BEFORE.with(|before| before.replace(Some(duty)));
    Duty(())
}

/// Ends with the duty.
#[must_use]
pub(crate) struct Duty(());

impl Drop for Duty {
    fn drop(&mut self) {
        // A thread that is about to end may have dropped the place already.
        let duty = BEFORE.try_with(RefCell::take);
        drop(duty);
    }
}

/// The thread is about to block. Under no lock.
pub(crate) fn about_to_block() {
    let duty = BEFORE.try_with(|before| before.borrow().clone());
    if let Ok(Some(duty)) = duty {
        duty();
    }
}
