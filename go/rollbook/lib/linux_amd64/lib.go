// Package linux_amd64 holds librollbook.a for this platform. It is a package so that
// `go mod vendor` takes the archive along.
package linux_amd64
