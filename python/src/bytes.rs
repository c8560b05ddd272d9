//! Bytes from Python: of any object that has them, copied, so that nobody changes them meanwhile.

use pyo3::{buffer::PyBuffer, prelude::*, types::PyBytes};

/// What a `bytes`, `bytearray` or `memoryview` held when it was handed in.
pub(crate) struct Octets(pub(crate) Vec<u8>);

impl<'a, 'py> FromPyObject<'a, 'py> for Octets {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Octets> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Octets(bytes.as_bytes().to_vec()));
        }
        let buffer = PyBuffer::<u8>::get(&object)?;
        buffer.to_vec(object.py()).map(Octets)
    }
}

impl std::ops::Deref for Octets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
