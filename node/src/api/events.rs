//! Events as they come, as server-sent events: the number of each is its id, so that a reader that
//! was cut off goes on where it was. `lagged` says how many a slow reader lost.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use rollbook::{EventPage, Lagged, NodeHandle, NumberedEvent};
use tokio::sync::Semaphore;

use super::ApiError;
use super::error::AnyRequest;
use super::query::{EventsQuery, LogQuery};

/// Shorter than any reader's patience, so that a dead connection is noticed on both sides.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Readers of the stream at a time: each holds a connection for as long as it likes.
pub(super) const READERS_MAX: usize = 256;

/// The places of those who read the stream.
#[derive(Clone, Debug)]
pub(super) struct Readers(Arc<Semaphore>);

impl Default for Readers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(READERS_MAX)))
    }
}

/// Events as they come, as server-sent events. Each has its number as its id, and `Last-Event-ID`
/// or `after` goes on where a reader was. An event named `lagged` says how many a slow reader lost.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "watch",
    params(
        EventsQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "Wins over `after`"),
    ),
    responses(
        (status = 200, description = "The stream; it ends with the node", body = String,
            content_type = "text/event-stream"),
        AnyRequest,
    )
)]
pub(crate) async fn events(
    State(node): State<NodeHandle>,
    State(readers): State<Readers>,
    query: Result<Query<EventsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let after = begin(&query?.0, &headers)?;
    let place = readers.0.try_acquire_owned().map_err(|_all_taken| {
        let message = format!("{READERS_MAX} readers follow the events already");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message)
    })?;
    // The place is given back when the stream is dropped, however it ended.
    let watch = (node.watch(after), place);
    let stream = futures::stream::unfold(watch, |(mut watch, place)| async move {
        let message = message(watch.next().await?);
        Some((Ok(message), (watch, place)))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The events that are still kept, oldest first, page by page.
#[utoipa::path(
    get, path = "/api/v1/events/log", tag = "watch", params(LogQuery),
    responses((status = 200, description = "A page of events", body = EventPage), AnyRequest)
)]
pub(crate) async fn log(
    State(node): State<NodeHandle>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Json<EventPage>, ApiError> {
    let Query(query) = query?;
    Ok(Json(node.events(query.after()?, query.limit()?)))
}

/// The header wins: a browser that reconnects sends it beside the first request's query.
fn begin(query: &EventsQuery, headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else {
        return query.after();
    };
    let id = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    id.map(Some).ok_or_else(|| ApiError::bad_request("Last-Event-ID is not the number of an event"))
}

fn message(next: Result<NumberedEvent, Lagged>) -> Event {
    let message = match &next {
        Ok(event) => Event::default().id(event.id.to_string()).json_data(event),
        Err(Lagged { lost, .. }) => {
            Event::default().event("lagged").json_data(serde_json::json!({ "lost": lost }))
        }
    };
    message.expect("events have plain keys and values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_wins_over_the_query() {
        let query = |text: &str| {
            let uri = format!("http://127.0.0.1/?{text}").parse().expect("a URI");
            Query::<EventsQuery>::try_from_uri(&uri).expect("a query").0
        };
        let (query, none) = (query("after=3"), query(""));
        let mut headers = HeaderMap::new();
        assert_eq!(begin(&query, &headers), Ok(Some(3)));
        assert_eq!(begin(&none, &headers), Ok(None));
        headers.insert("last-event-id", "7".parse().expect("a value"));
        assert_eq!(begin(&query, &headers), Ok(Some(7)));
        headers.insert("last-event-id", "seven".parse().expect("a value"));
        assert!(begin(&query, &headers).is_err());
    }
}
