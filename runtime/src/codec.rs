//! The synchronisation protocol's codec: a request and a response are a stream's bytes up to its
//! end. What they mean is the core's business.
//!
//! Invariant: nothing is allocated for bytes beyond the bound.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};
use rollbook_core::limits::{REQUEST_SIZE_MAX, RESPONSE_SIZE_MAX};

/// Reads and writes whole messages of bounded size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SyncCodec;

impl request_response::Codec for SyncCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_bounded(io, REQUEST_SIZE_MAX).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_bounded(io, RESPONSE_SIZE_MAX).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&request).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&response).await
    }
}

async fn read_bounded<T>(io: &mut T, size_max: usize) -> io::Result<Vec<u8>>
where
    T: AsyncRead + Unpin + Send,
{
    let mut bytes = Vec::new();
    // One byte more than allowed, to tell a message that is too long from one that just fits.
    io.take(size_max as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() > size_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};
    use libp2p::request_response::Codec as _;

    use super::*;

    const PROTOCOL: StreamProtocol = StreamProtocol::new("/test");

    #[test]
    fn messages_up_to_the_bound_are_read() {
        for size in [0, 1, REQUEST_SIZE_MAX] {
            let mut io = Cursor::new(vec![7; size]);
            let request = block_on(SyncCodec.read_request(&PROTOCOL, &mut io));
            assert_eq!(request.expect("it is within the bound"), vec![7; size]);
        }
        let mut io = Cursor::new(vec![7; RESPONSE_SIZE_MAX]);
        let response = block_on(SyncCodec.read_response(&PROTOCOL, &mut io));
        assert_eq!(response.expect("it is within the bound").len(), RESPONSE_SIZE_MAX);
    }

    #[test]
    fn longer_messages_are_refused_and_not_read_to_their_end() {
        let mut io = Cursor::new(vec![7; 10 * RESPONSE_SIZE_MAX]);
        let request = block_on(SyncCodec.read_request(&PROTOCOL, &mut io));
        assert_eq!(request.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidData));
        assert_eq!(io.position(), REQUEST_SIZE_MAX as u64 + 1);
        let response = block_on(SyncCodec.read_response(&PROTOCOL, &mut io));
        assert_eq!(response.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidData));
    }

    #[test]
    fn what_is_written_is_what_was_given() {
        let mut io = Cursor::new(Vec::new());
        block_on(SyncCodec.write_request(&PROTOCOL, &mut io, vec![1, 2])).expect("it is written");
        block_on(SyncCodec.write_response(&PROTOCOL, &mut io, vec![3])).expect("it is written");
        assert_eq!(io.into_inner(), [1, 2, 3]);
    }
}
