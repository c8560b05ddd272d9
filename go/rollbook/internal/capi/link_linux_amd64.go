//go:build linux && amd64 && cgo && !musl && !rollbook_system && !rollbook_pkgconfig

package capi

// #cgo LDFLAGS: ${SRCDIR}/../../lib/linux_amd64/librollbook.a -lm
import "C"

// The package is there for `go mod vendor`, and changes with the archive, so that the build cache
// notices.
import _ "rollbook.dev/go/rollbook/lib/linux_amd64"
