//! Serves the routes on a listener, with a bound on everything that a client could use up.
//!
//! Invariants:
//! * at most `connections_max` connections are open. A new one beyond that takes the place of the
//!   one that has been idle for longest; one on which a request is under way, or whose answer is
//!   still read, is never given up for another
//! * a head that does not come whole in time, and a reader that takes nothing for a time, end the
//!   connection; so does one that asks for nothing
//! * one client's slowness holds nobody else up: each connection is a task of its own

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{self, AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use tower::ServiceExt as _;

use super::rate::Caller;

/// How long readers may take to notice that the node has stopped.
const GRACE: Duration = Duration::from_secs(1);
/// A failed accept is mostly a lack of file descriptors, which others give back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// More than the largest head that is taken, which the routes refuse with a clear answer.
const BUFFER_SIZE_MAX: usize = 64 << 10;
const HEADER_COUNT_MAX: usize = 64;
/// What a client is told for whom there is no place.
const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
    content-length: 44\r\nconnection: close\r\nretry-after: 1\r\n\r\n\
    {\"error\":\"too many connections are in use\"}\n";

/// What clients may use up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time.
    pub(crate) connections_max: usize,
    /// How long a connection may be without a whole head of a request.
    pub(crate) head: Duration,
    /// How long a reader may take nothing.
    pub(crate) write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections_max: 512, head: Duration::from_secs(15), write: Duration::from_secs(30) }
    }
}

/// The HTTP server as a task of its own.
#[derive(Debug)]
pub(crate) struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) fn spawn(listener: TcpListener, routes: Router, limits: Limits) -> Self {
        let (stop, stopping) = watch::channel(false);
        let crowd = Arc::new(Crowd { limits, routes, stopping, places: Mutex::default() });
        Self { stop, task: tokio::spawn(crowd.accept(listener)) }
    }

    /// Takes no more connections, and lets running answers end for a short time.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        // Connections hold a receiver each.
        let all_gone = tokio::time::timeout(GRACE, self.stop.closed());
        // Whoever is not gone by now ends with the process.
        let _ = all_gone.await;
        self.task.abort();
    }
}

/// All connections of a server.
#[derive(Debug)]
struct Crowd {
    limits: Limits,
    routes: Router,
    stopping: watch::Receiver<bool>,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    next: u64,
    taken: HashMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    /// None while a request is under way.
    idle_since: Option<Instant>,
    evicted: Arc<Notify>,
}

impl Crowd {
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut stopping = self.stopping.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopping.wait_for(|stop| *stop) => return,
            };
            match accepted {
                Ok((stream, caller)) => self.welcome(stream, caller),
                Err(error) => {
                    tracing::debug!(%error, "no connection accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn welcome(self: &Arc<Self>, stream: TcpStream, caller: SocketAddr) {
        let Some((number, evicted)) = self.take_place() else {
            tracing::debug!(%caller, "no place for another connection");
            // A new connection has room for so little; if not, it is closed without a word.
            let _ = stream.try_write(NO_PLACE);
            return;
        };
        let seat = Seat { crowd: Arc::clone(self), number };
        tokio::spawn(async move {
            tokio::select! {
                () = seat.serve(stream, caller) => {}
                () = evicted.notified() => {}
            }
        });
    }

    /// A place, that of the longest idle if need be.
    fn take_place(&self) -> Option<(u64, Arc<Notify>)> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.taken.len() >= self.limits.connections_max {
            let idle = places.taken.iter().filter(|(_, place)| place.idle_since.is_some());
            let number = *idle.min_by_key(|(_, place)| place.idle_since)?.0;
            if let Some(place) = places.taken.remove(&number) {
                place.evicted.notify_one();
            }
        }
        let number = places.next;
        places.next += 1;
        let evicted = Arc::new(Notify::new());
        let place = Place { idle_since: Some(Instant::now()), evicted: Arc::clone(&evicted) };
        places.taken.insert(number, place);
        Some((number, evicted))
    }

    fn set_idle(&self, number: u64, idle_since: Option<Instant>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.taken.get_mut(&number) {
            place.idle_since = idle_since;
        }
    }
}

/// One connection's place, given back when it is dropped.
#[derive(Debug)]
struct Seat {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut places = self.crowd.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.taken.remove(&self.number);
    }
}

impl Seat {
    async fn serve(&self, stream: TcpStream, caller: SocketAddr) {
        let limits = self.crowd.limits;
        let stream = Patient { stream, patience: limits.write, waiting: None };
        let service = service_fn(|request| self.answer(request, caller));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(BUFFER_SIZE_MAX)
            .max_headers(HEADER_COUNT_MAX);
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
        let mut stopping = self.crowd.stopping.clone();
        // How a connection ends is its client's business.
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        caller: SocketAddr,
    ) -> Result<Response, Infallible> {
        let busy = Busy::new(&self.crowd, self.number);
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Caller(caller.ip()));
        let response = self.crowd.routes.clone().oneshot(request).await?;
        if response.body().is_end_stream() {
            return Ok(response);
        }
        // Busy until the last of the answer has been taken.
        Ok(response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _held_until_the_body_is_dropped = &busy;
                frame
            }))
        }))
    }
}

/// Marks a connection as one with a request under way.
#[derive(Debug)]
struct Busy {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Busy {
    fn new(crowd: &Arc<Crowd>, number: u64) -> Self {
        crowd.set_idle(number, None);
        Self { crowd: Arc::clone(crowd), number }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.crowd.set_idle(self.number, Some(Instant::now()));
    }
}

/// A stream whose other end has to take something now and then.
#[derive(Debug)]
struct Patient {
    stream: TcpStream,
    patience: Duration,
    /// Since nothing was taken.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn taken<T>(
        &mut self,
        outcome: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.taken(outcome, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.taken(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_without_a_place_is_of_the_length_that_it_says() {
        let text = std::str::from_utf8(NO_PLACE).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
