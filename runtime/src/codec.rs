//! The synchronisation protocol's codec: a request and a response are a stream's bytes up to its
//! end. What they mean is the core's business.
//!
//! Invariant: nothing is allocated for bytes beyond the bound.

use std::io;

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};

/// Bytes of the largest message that this node takes, and says in its hellos that it takes.
pub(crate) const MESSAGE_SIZE_MAX: u32 = 256 * 1024;

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
        read_bounded(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_bounded(io).await
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

async fn read_bounded<T>(io: &mut T) -> io::Result<Vec<u8>>
where
    T: AsyncRead + Unpin + Send,
{
    let mut bytes = Vec::new();
    let size_max = u64::from(MESSAGE_SIZE_MAX);
    // One byte more than allowed, to tell a message that is too long from one that just fits.
    io.take(size_max + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > size_max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};
    use libp2p::request_response::Codec as _;

    use super::*;

    const SIZE_MAX: usize = MESSAGE_SIZE_MAX as usize;
    const PROTOCOL: StreamProtocol = StreamProtocol::new("/test");

    #[test]
    fn messages_up_to_the_bound_are_read() {
        for size in [0, 1, SIZE_MAX] {
            let mut io = Cursor::new(vec![7; size]);
            let request = block_on(SyncCodec.read_request(&PROTOCOL, &mut io));
            assert_eq!(request.expect("it is within the bound"), vec![7; size]);
        }
        let mut io = Cursor::new(vec![7; SIZE_MAX]);
        let response = block_on(SyncCodec.read_response(&PROTOCOL, &mut io));
        assert_eq!(response.expect("it is within the bound").len(), SIZE_MAX);
    }

    #[test]
    fn longer_messages_are_refused_and_not_read_to_their_end() {
        let mut io = Cursor::new(vec![7; 10 * SIZE_MAX]);
        let request = block_on(SyncCodec.read_request(&PROTOCOL, &mut io));
        assert_eq!(request.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidData));
        assert_eq!(io.position(), u64::from(MESSAGE_SIZE_MAX) + 1);
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
