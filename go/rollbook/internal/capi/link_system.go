//go:build cgo && rollbook_system && !rollbook_pkgconfig

package capi

// What is needed beside it (-L, other libraries) is in CGO_LDFLAGS.

// #cgo LDFLAGS: -lrollbook
import "C"
