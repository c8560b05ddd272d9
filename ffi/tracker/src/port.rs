//! What the library needs of a program without an operating system: where a panic goes.

use core::panic::PanicInfo;

unsafe extern "C" {
    /// Given by the program: a fault of the library was found, in this line of this file of its
    /// source. It must not return: reset the device, or stop.
    fn rollbook_port_panic(file: *const u8, file_size: usize, line: u32) -> !;
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Only where it is: the sentences would take room, and are in the source.
    let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
    // SAFETY: the name is valid for its size while the program looks at it.
    unsafe { rollbook_port_panic(file.as_ptr(), file.len(), line) }
}
