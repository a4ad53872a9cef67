//! A client: blocking calls, and a stream that is an iterator.
/// Generated from the `.proto` file.
pub mod hello {
    stolid::include_proto!("hello.v1");
}
use hello::hello_client::HelloClient;
use hello::{CountRequest, GreetRequest};
use std::time::Duration;
use stolid::Request;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("usage: readme-client HOST:PORT")?;
    let client = HelloClient::connect(format!("http://{address}"))?;

    let request = Request::new(GreetRequest { name: "Ada".into() }).with_timeout(Duration::from_secs(2));
    println!("{}", client.greet(request)?.into_inner().text);

    for reply in client.count(CountRequest { to: 3 })? {
        println!("{}", reply?.text);
    }
    Ok(())
}
