//go:build !rollbook_gcstress

package rollbook

// stress does nothing: see stress_on.go.
func stress() {}
