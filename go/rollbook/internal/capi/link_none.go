//go:build cgo && !(linux && amd64 && !musl) && !rollbook_system && !rollbook_pkgconfig

package capi

// The compiler shows this name to whoever builds for another platform.
var _ = there_is_no_librollbook_for_this_platform__install_it_and_build_with_tags_rollbook_pkgconfig
