//! A connection that gives up as soon as nobody wants the answer any more.
//!
//! A blocking read sees nothing but its own timeout. So a wait is cut into slices, and between two of
//! them the limits of the answer are asked. This sits below TLS, where a slice that ends without a
//! byte loses nothing.

use std::time::{Duration, Instant};

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::model::{Limits, ModelError};

/// The longest a cancelled answer goes unnoticed.
const SLICE: Duration = Duration::from_millis(50);

/// Wraps every connection into an [`Interruptible`] one.
#[derive(Debug)]
pub(super) struct Interrupter {
    pub(super) limits: Limits,
}

impl<In: Transport> Connector<In> for Interrupter {
    type Out = Interruptible<In>;

    fn connect(&self, _details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| Interruptible { inner, limits: self.limits.clone() }))
    }
}

/// A connection whose waits end when the answer is cancelled.
#[derive(Debug)]
pub(super) struct Interruptible<T> {
    inner: T,
    limits: Limits,
}

impl<T> Interruptible<T> {
    fn check(&self) -> Result<(), Error> {
        if self.limits.is_cancelled() {
            return Err(Error::Other(Box::new(ModelError::cancelled())));
        }
        Ok(())
    }
}

impl<T: Transport> Transport for Interruptible<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.check()?;
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let begun = Instant::now();
        loop {
            self.check()?;
            let left = timeout.after.saturating_sub(begun.elapsed());
            let mut wait = timeout;
            wait.after = left.min(SLICE).into();
            match self.inner.await_input(wait) {
                Err(Error::Timeout(_)) if left > SLICE => {}
                result => return result,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}
