//! Where the browser comes back to: a page on 127.0.0.1 that waits for one login (RFC 8252, section 7.3).

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use subtle::ConstantTimeEq;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::{Url, form_urlencoded};

use crate::authn::code_flow::Callback;
use crate::cli::printer::Printer;
use crate::domain::secret::Secret;

/// How long a connection may take to say what it wants.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// The most connections at once. Browsers open some ahead and never use them.
const MAX_CONNECTIONS: usize = 32;

/// The page, before anybody knows of it.
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    address: Url,
}

/// What a request to the page is taken for.
#[derive(Debug)]
enum Visit {
    /// The end of the login that waits.
    Ends(Callback),
    /// Another login's end, or somebody's try.
    OtherLogin,
    /// Nothing that belongs here.
    Odd(StatusCode),
}

impl Loopback {
    /// Listens on a port; 0 is any that is free.
    pub async fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = format!("http://{}/callback", listener.local_addr()?);
        let address = Url::parse(&address).map_err(io::Error::other)?;
        Ok(Self { listener, address })
    }

    /// Where the browser comes back to.
    #[must_use]
    pub const fn address(&self) -> &Url {
        &self.address
    }

    /// Waits for the end of the login with this state. Whatever else comes is refused, and the login goes on waiting: who
    /// could end it by a wrong answer could keep people from logging in.
    pub async fn wait(self, state: &str, printer: &Printer) -> io::Result<Callback> {
        let expected: Arc<(String, String)> =
            Arc::new((self.address.authority().to_owned(), state.to_owned()));
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if visits.len() < MAX_CONNECTIONS => {
                    visits.spawn(serve(accepted?.0, Arc::clone(&expected)));
                }
                Some(visit) = visits.join_next() => match visit {
                    Ok(Some(Visit::Ends(callback))) => return Ok(callback),
                    Ok(Some(Visit::OtherLogin)) => {
                        printer.note("An answer that belongs to another login was refused; still waiting.");
                    }
                    _ => {}
                },
            }
        }
    }
}

/// Serves one request, so that its answer is written when this ends.
async fn serve(stream: TcpStream, expected: Arc<(String, String)>) -> Option<Visit> {
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let service = service_fn(move |request: Request<Incoming>| {
        let visit = visit(&request, &expected.0, &expected.1);
        let answer = page(&visit);
        *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(visit);
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A browser that goes away before it has read the page has still brought the answer.
    let _broken = connection.await;
    seen.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn visit<B>(request: &Request<B>, host: &str, state: &str) -> Visit {
    // A page elsewhere that had its name point here would say its own name.
    if request.headers().get(HOST).is_none_or(|named| named.as_bytes() != host.as_bytes()) {
        return Visit::Odd(StatusCode::MISDIRECTED_REQUEST);
    }
    if request.uri().path() != "/callback" {
        return Visit::Odd(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET {
        return Visit::Odd(StatusCode::METHOD_NOT_ALLOWED);
    }
    let query = request.uri().query().unwrap_or_default();
    let (mut given, mut callback) = (None, Callback::default());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.into_owned();
        let earlier = match &*name {
            "state" => given.replace(value).is_some(),
            "code" => callback.code.replace(Secret::new(value)).is_some(),
            "iss" => callback.iss.replace(value).is_some(),
            "error" => callback.error.replace(value).is_some(),
            _ => false,
        };
        if earlier {
            return Visit::Odd(StatusCode::BAD_REQUEST);
        }
    }
    let ours = given.unwrap_or_default().as_bytes().ct_eq(state.as_bytes());
    if bool::from(ours) && !state.is_empty() { Visit::Ends(callback) } else { Visit::OtherLogin }
}

fn page(visit: &Visit) -> Response<String> {
    let (status, text) = match visit {
        Visit::Ends(Callback { error: None, .. }) => {
            (StatusCode::OK, "The command line goes on with the login. You can close this page.")
        }
        Visit::Ends(_) => (StatusCode::OK, "The login was refused. The command line tells why."),
        Visit::OtherLogin => (StatusCode::BAD_REQUEST, "This is not the login that is waited for here."),
        Visit::Odd(status) => (*status, "There is nothing here but the end of a login."),
    };
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Logboom</title>\n<p>{text}</p>\n"
    );
    let mut answer = Response::new(html);
    *answer.status_mut() = status;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in headers {
        answer.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visited(target: &str, host: &str) -> Visit {
        let request = Request::get(target).header(HOST, host).body(()).unwrap();
        visit(&request, "127.0.0.1:49152", "the-state")
    }

    #[test]
    fn only_the_login_that_waits_is_ended() {
        let ends =
            visited("/callback?code=c%2B1&state=the-state&iss=https://idp.example/", "127.0.0.1:49152");
        let Visit::Ends(callback) = ends else { panic!("{ends:?}") };
        assert_eq!(callback.code.unwrap().expose(), "c+1");
        assert_eq!(callback.iss.unwrap(), "https://idp.example/");
        for other in
            ["/callback?code=c&state=another", "/callback?code=c", "/callback?code=c&state=", "/callback"]
        {
            assert!(matches!(visited(other, "127.0.0.1:49152"), Visit::OtherLogin), "{other}");
        }
    }

    #[test]
    fn what_stands_twice_or_elsewhere_or_comes_by_another_name_is_refused() {
        let status = |target, host| match visited(target, host) {
            Visit::Odd(status) => status.as_u16(),
            other => panic!("{target}: {other:?}"),
        };
        assert_eq!(status("/callback?code=a&code=b&state=the-state", "127.0.0.1:49152"), 400);
        assert_eq!(status("/callback?code=a&state=the-state&state=the-state", "127.0.0.1:49152"), 400);
        assert_eq!(status("/?code=a&state=the-state", "127.0.0.1:49152"), 404);
        assert_eq!(status("/callback?code=a&state=the-state", "rebound.example:49152"), 421);
        assert_eq!(status("/callback?code=a&state=the-state", "localhost:49152"), 421);
    }
}
