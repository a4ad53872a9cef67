//! The `ServiceGenerator` that prost-build calls.

use prost_build::ServiceGenerator;

use crate::code::Code;
use crate::model::Service;
use crate::options::Options;
use crate::{client, server};

/// Lints that generated code need not follow, whatever the crate around it asks for. Only inner attributes, so that
/// `clippy::allow_attributes` has nothing to say either.
pub(crate) const ALLOW: [&str; 11] = [
    "#![allow(",
    "    dead_code,",
    "    deprecated,",
    "    unreachable_pub,",
    "    unused_qualifications,",
    "    clippy::all,",
    "    clippy::pedantic,",
    "    clippy::nursery,",
    "    clippy::restriction,",
    "    reason = \"generated code\"",
    ")]",
];

/// Writes the server and the client of each service behind the messages of its package.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) options: Options,
}

impl ServiceGenerator for Generator {
    fn generate(&mut self, service: prost_build::Service, buf: &mut String) {
        let service = Service::new(&service, &self.options);
        let mut code = Code::new(buf);
        // prost-build lets a generator report nothing, so the compiler of the generated code has to.
        if let Some(clash) = service.clash() {
            return code.line(&format!("::core::compile_error!({clash:?});"));
        }
        if !self.options.server && !self.options.client {
            // prost-build expects some text for each service.
            return code.line("");
        }
        if self.options.server {
            server::write(&service, &self.options, &mut code);
        }
        if self.options.client {
            client::write(&service, &self.options, &mut code);
        }
    }
}
