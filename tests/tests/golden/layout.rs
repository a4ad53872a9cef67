//! `include_proto!` with the layout of a README: one file for each package in `OUT_DIR`, `_` without a package.

use stolid::{Request, Response, Sender, Status};
use stolid_tests::config;
use stolid_tests::watchdog::watched;

use super::layout_v1::Part;
use super::layout_v1::layout_client::LayoutClient;
use super::layout_v1::layout_server::{Layout, LayoutServer};
use super::packageless::Side;
use super::packageless::bare_client::BareClient;
use super::packageless::bare_server::{Bare, BareServer};
use super::{Answer, serve};

struct Turner;

fn turned(name: &str) -> String {
    name.chars().rev().collect()
}

impl Layout for Turner {
    fn turn(&self, request: Request<Part>) -> Answer<Part> {
        Ok(Response::new(Part { name: turned(&request.get_ref().name) }))
    }
}

impl Bare for Turner {
    fn turn(&self, request: Request<Side>, replies: Sender<Side>) -> Result<(), Status> {
        replies.send(Side { name: turned(&request.get_ref().name) })
    }
}

#[test]
fn packages_are_included_by_name() {
    watched(|| {
        let builder = config::server().add_service(LayoutServer::new(Turner)).add_service(BareServer::new(Turner));
        let (_server, channel) = serve(builder);

        let part = LayoutClient::new(channel.clone()).turn(Part { name: "abc".into() }).unwrap();
        assert_eq!(part.into_inner().name, "cba");
        let mut sides = BareClient::new(channel).turn(Side { name: "xyz".into() }).unwrap();
        assert_eq!(sides.message().unwrap().unwrap().name, "zyx");
    });
}
