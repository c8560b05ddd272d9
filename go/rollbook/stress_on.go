//go:build rollbook_gcstress

package rollbook

import "runtime"

// stress collects garbage before each call to C, so that whatever is freed too early is freed now.
func stress() { runtime.GC() }
