//! How arguments are taken in and results put out.

use core::mem::{MaybeUninit, size_of};

use rollbook_core::{Now, PeerId};

use crate::code::{
    Answer, Code, ROLLBOOK_E_ARGUMENT, ROLLBOOK_E_BUFSIZE, ROLLBOOK_E_MEMORY, ROLLBOOK_E_NULL,
    ROLLBOOK_E_PEER_ID, ROLLBOOK_E_UNSUPPORTED, ROLLBOOK_E_UTF8,
};

/// The last time that there is, by either clock: some is left behind it to wait for.
const TIME_MAX: u64 = u64::MAX / 2;

/// The time of a call.
pub(crate) fn now(mono_ms: u64, unix_s: u64) -> Now {
    Now { mono_ms: mono_ms.min(TIME_MAX), unix_s: unix_s.min(TIME_MAX) }
}

/// The bytes at `pointer`; NULL stands for none of them.
///
/// # Safety
///
/// `pointer` is NULL, or is valid for reading `size` bytes while the result lives.
pub unsafe fn bytes<'a>(pointer: *const u8, size: usize) -> Answer<&'a [u8]> {
    if size == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Code(ROLLBOOK_E_NULL));
    }
    if isize::try_from(size).is_err() {
        return Err(Code(ROLLBOOK_E_ARGUMENT));
    }
    // SAFETY: it is not NULL and the caller vouches for the rest; no slice is longer than it may.
    Ok(unsafe { core::slice::from_raw_parts(pointer, size) })
}

/// The text at `pointer`.
///
/// # Safety
///
/// As for [`bytes`].
pub unsafe fn text<'a>(pointer: *const u8, size: usize) -> Answer<&'a str> {
    // SAFETY: the caller vouches for it.
    let bytes = unsafe { bytes(pointer, size) }?;
    core::str::from_utf8(bytes).map_err(|_not_utf8| Code(ROLLBOOK_E_UTF8))
}

/// The values at `pointer`; NULL stands for none of them.
///
/// # Safety
///
/// `pointer` is NULL, or is valid for reading `count` values while the result lives. Any bytes are
/// a value of `T`.
pub unsafe fn values<'a, T: Plain>(pointer: *const T, count: usize) -> Answer<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Code(ROLLBOOK_E_NULL));
    }
    check_aligned(pointer)?;
    if count > isize::MAX.unsigned_abs() / size_of::<T>() {
        return Err(Code(ROLLBOOK_E_ARGUMENT));
    }
    // SAFETY: it is aligned, not NULL and not too long, and the caller vouches for the rest.
    Ok(unsafe { core::slice::from_raw_parts(pointer, count) })
}

/// The peer id at `pointer`.
///
/// # Safety
///
/// As for [`bytes`].
pub unsafe fn peer_id(pointer: *const u8, size: usize) -> Answer<PeerId> {
    // SAFETY: the caller vouches for it.
    let bytes = unsafe { bytes(pointer, size) }?;
    PeerId::from_bytes(bytes).map_err(|_why| Code(ROLLBOOK_E_PEER_ID))
}

/// Checks that what is read while a result is written does not lie where that is written.
pub(crate) fn apart(read: (*const u8, usize), written: (*mut u8, usize)) -> Answer {
    let (from, to) = (read.0.addr(), written.0.addr());
    let is_before = |one: usize, size: usize, other: usize| {
        one.checked_add(size).is_some_and(|end| end <= other)
    };
    if is_before(from, read.1, to) || is_before(to, written.1, from) || read.1 == 0 {
        Ok(())
    } else {
        Err(Code(ROLLBOOK_E_ARGUMENT))
    }
}

/// A buffer of the caller for results, which need not hold values yet.
#[derive(Debug)]
pub struct Buffer<'a> {
    /// Its bytes.
    pub bytes: &'a mut [u8],
    used: Out<usize>,
}

impl Buffer<'_> {
    /// The buffer at `pointer`, whose use `used` takes. It must have room for `size` bytes: where
    /// it has less, `used` takes that size.
    ///
    /// # Safety
    ///
    /// `pointer` is NULL or valid for writing `capacity` bytes that nobody else uses meanwhile;
    /// `used` is NULL or valid for writing.
    pub unsafe fn new<'a>(
        pointer: *mut u8,
        capacity: usize,
        used: *mut usize,
        size: usize,
    ) -> Answer<Buffer<'a>> {
        // SAFETY: the caller vouches for it.
        let mut used = unsafe { Out::new(used) }?;
        used.put(0);
        if capacity < size {
            used.put(size);
            return Err(Code(ROLLBOOK_E_BUFSIZE));
        }
        if pointer.is_null() {
            return Err(Code(ROLLBOOK_E_NULL));
        }
        if isize::try_from(capacity).is_err() {
            return Err(Code(ROLLBOOK_E_ARGUMENT));
        }
        // SAFETY: it is not NULL and not too long, and the caller vouches for the rest. The memory
        // is from outside this language, where every byte has some value.
        let bytes = unsafe { core::slice::from_raw_parts_mut(pointer, capacity) };
        Ok(Buffer { bytes, used })
    }

    /// Says how much of it is used.
    pub fn put_used(&mut self, size: usize) {
        self.used.put(size);
    }
}

/// A place of the caller for one result.
#[derive(Debug)]
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// The place at `pointer`.
    ///
    /// # Safety
    ///
    /// `pointer` is NULL or valid for writing, for as long as the result lives.
    pub unsafe fn new(pointer: *mut T) -> Answer<Out<T>> {
        if pointer.is_null() {
            return Err(Code(ROLLBOOK_E_NULL));
        }
        check_aligned(pointer)?;
        Ok(Out(pointer))
    }

    /// The place at `pointer`; NULL stands for a result that is not wanted.
    ///
    /// # Safety
    ///
    /// As for [`Out::new`].
    pub unsafe fn wanted(pointer: *mut T) -> Answer<Option<Out<T>>> {
        if pointer.is_null() {
            return Ok(None);
        }
        // SAFETY: the caller vouches for it.
        unsafe { Out::new(pointer) }.map(Some)
    }

    /// Puts the result.
    pub fn put(&mut self, value: T) {
        // SAFETY: it is aligned and not NULL, and `new`'s caller vouched that it can be written.
        unsafe { self.0.write(value) }
    }
}

/// A structure that may grow in later versions, of which any bytes are a value.
///
/// # Safety
///
/// All bytes, and all zeros, are a value; there is no padding.
pub unsafe trait Plain: Copy {}

/// Reads a structure of the caller, who knows `size` bytes of it: those that it does not know are
/// zeros, and of those that are not known here none may be anything else.
///
/// # Safety
///
/// `pointer` is NULL or valid for reading `size` bytes.
pub unsafe fn read_sized<T: Plain>(pointer: *const T, size: usize) -> Answer<T> {
    if size == 0 {
        return Err(Code(ROLLBOOK_E_UNSUPPORTED));
    }
    // SAFETY: the caller vouches for it.
    let given = unsafe { bytes(pointer.cast(), size) }?;
    let known = given.len().min(size_of::<T>());
    if given[known..].iter().any(|byte| *byte != 0) {
        return Err(Code(ROLLBOOK_E_UNSUPPORTED));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes can be read and written, and all bytes are a value of a plain type.
    unsafe {
        core::ptr::copy_nonoverlapping(given.as_ptr(), value.as_mut_ptr().cast(), known);
        Ok(value.assume_init())
    }
}

/// A structure of the caller for a result, of which it knows `size` bytes: those that are not known
/// here become zeros.
#[derive(Debug)]
pub struct SizedOut<T> {
    pointer: *mut u8,
    size: usize,
    kind: core::marker::PhantomData<T>,
}

impl<T: Plain> SizedOut<T> {
    /// The structure at `pointer`.
    ///
    /// # Safety
    ///
    /// `pointer` is NULL or valid for writing `size` bytes, for as long as the result lives.
    pub unsafe fn new(pointer: *mut T, size: usize) -> Answer<SizedOut<T>> {
        if pointer.is_null() {
            return Err(Code(ROLLBOOK_E_NULL));
        }
        if size == 0 || isize::try_from(size).is_err() {
            return Err(Code(ROLLBOOK_E_UNSUPPORTED));
        }
        Ok(SizedOut { pointer: pointer.cast(), size, kind: core::marker::PhantomData })
    }

    /// Puts the result, as far as the caller knows it.
    pub fn put(&mut self, value: &T) {
        let known = self.size.min(size_of::<T>());
        // SAFETY: `new`'s caller vouched that `size` bytes can be written; a plain value is bytes.
        unsafe {
            core::ptr::copy_nonoverlapping(core::ptr::from_ref(value).cast(), self.pointer, known);
            self.pointer.add(known).write_bytes(0, self.size - known);
        }
    }
}

/// A row of such structures.
#[derive(Debug)]
pub struct SizedRow<T> {
    pointer: *mut u8,
    size: usize,
    capacity: usize,
    kind: core::marker::PhantomData<T>,
}

impl<T: Plain> SizedRow<T> {
    /// The row at `pointer` of `capacity` structures.
    ///
    /// # Safety
    ///
    /// `pointer` is NULL or valid for writing `capacity * size` bytes, for as long as the result
    /// lives.
    pub unsafe fn new(pointer: *mut T, size: usize, capacity: usize) -> Answer<SizedRow<T>> {
        if size == 0 || size.checked_mul(capacity).is_none_or(|all| isize::try_from(all).is_err()) {
            return Err(Code(ROLLBOOK_E_UNSUPPORTED));
        }
        if pointer.is_null() && capacity > 0 {
            return Err(Code(ROLLBOOK_E_NULL));
        }
        Ok(SizedRow { pointer: pointer.cast(), size, capacity, kind: core::marker::PhantomData })
    }

    /// How many it has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts the result at place `index`, which is below the capacity.
    pub fn put(&mut self, index: usize, value: &T) {
        assert!(index < self.capacity, "a row is not written behind its end");
        // SAFETY: the place is within what `new`'s caller vouched for.
        let pointer = unsafe { self.pointer.add(index * self.size) };
        let kind = core::marker::PhantomData;
        SizedOut::<T> { pointer, size: self.size, kind }.put(value);
    }
}

fn check_aligned<T>(pointer: *const T) -> Answer {
    if pointer.is_aligned() { Ok(()) } else { Err(Code(ROLLBOOK_E_MEMORY)) }
}
