//go:build !cgo

package capi

// The compiler shows this name to whoever builds without cgo.
var _ = rollbook_needs_cgo__set_CGO_ENABLED_to_1_and_install_a_C_compiler
