//! Events as they come, as server-sent events: the number of each is its id, so that a reader that
//! was cut off goes on where it was. `lagged` says how many a slow reader lost.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::Stream;
use rollbook::{Lagged, NodeHandle, NumberedEvent};
use serde::Deserialize;

use super::ApiError;

/// Shorter than any reader's patience, so that a dead connection is noticed on both sides.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where to begin.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventsQuery {
    after: Option<u64>,
}

pub(crate) async fn events(
    State(node): State<NodeHandle>,
    query: Result<Query<EventsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let watch = node.watch(begin(&query?.0, &headers)?);
    let stream = futures::stream::unfold(watch, |mut watch| async move {
        let message = message(watch.next().await?);
        Some((Ok(message), watch))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The header wins: a browser that reconnects sends it beside the first request's query.
fn begin(query: &EventsQuery, headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(query.after);
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
        let query = EventsQuery { after: Some(3) };
        let mut headers = HeaderMap::new();
        assert_eq!(begin(&query, &headers), Ok(Some(3)));
        assert_eq!(begin(&EventsQuery::default(), &headers), Ok(None));
        headers.insert("last-event-id", "7".parse().expect("a value"));
        assert_eq!(begin(&query, &headers), Ok(Some(7)));
        headers.insert("last-event-id", "seven".parse().expect("a value"));
        assert!(begin(&query, &headers).is_err());
    }
}
