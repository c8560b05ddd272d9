package capi

import "testing"

func TestLibrariesOfThisABIOrNewerFit(t *testing.T) {
	fits := map[uint32]bool{
		ABIVersion: true, ABIVersion + 1: true, ABIVersion | abiMinorMask: true,
		ABIVersion + abiMinorMask + 1: false, ABIVersion - 1: false, 0: false,
	}
	for library, fits := range fits {
		if why := mismatch(library); (why == "") != fits {
			t.Errorf("%#x: %q", library, why)
		}
	}
}
