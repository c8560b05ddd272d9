//go:build cgo && rollbook_pkgconfig

package capi

// #cgo pkg-config: rollbook
import "C"
