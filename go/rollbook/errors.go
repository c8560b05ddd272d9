package rollbook

import (
	"fmt"

	"rollbook.dev/go/rollbook/internal/capi"
)

// Code says what went wrong. Codes are errors themselves, to be compared by [errors.Is].
type Code int32

// The codes, with the numbers that all languages have.
const (
	// ErrPoisoned: an earlier call failed on a fault of the library. The tracker can only be closed.
	ErrPoisoned Code = capi.EPoisoned
	// ErrPanic: a fault of the library was caught. The tracker is poisoned now.
	ErrPanic Code = capi.EPanic
	// ErrMemory: there is no memory.
	ErrMemory Code = capi.EMemory
	// ErrUnsupported: something was asked for that this version does not know.
	ErrUnsupported Code = capi.EUnsupported
	// ErrState: the call belongs before or after the start.
	ErrState Code = capi.EState
	// ErrArgument: a value is out of its range.
	ErrArgument Code = capi.EArgument
	// ErrUTF8: a text is not UTF-8.
	ErrUTF8 Code = capi.EUTF8
	// ErrConfig: the configuration cannot be used.
	ErrConfig Code = capi.EConfig
	// ErrPeerID: it is no peer id.
	ErrPeerID Code = capi.EPeerID
	// ErrKey: it is no key, or of a kind that is not supported, or weak.
	ErrKey Code = capi.EKey
	// ErrFormat: the journal is of a format that this version cannot read.
	ErrFormat Code = capi.EFormat
	// ErrForeign: the journal is another node's, or of another network.
	ErrForeign Code = capi.EForeign
	// ErrFull: there is no room.
	ErrFull Code = capi.EFull
	// ErrNotAuthority: this node is not one of its configured authorities.
	ErrNotAuthority Code = capi.ENotAuthority
	// ErrRecovering: this authority signs nothing until it has back what it said before.
	ErrRecovering Code = capi.ERecovering
	// ErrUnknownNode: there is no such node in the roll.
	ErrUnknownNode Code = capi.EUnknownNode
	// ErrNotAdmitted: the node is not admitted.
	ErrNotAdmitted Code = capi.ENotAdmitted
	// ErrSignature: the signature does not count.
	ErrSignature Code = capi.ESignature
	// ErrMalformed: the bytes are not what they should be.
	ErrMalformed Code = capi.EMalformed
	// ErrIO: reading or writing a file failed.
	ErrIO Code = capi.EIO
	// ErrClosed: the tracker, or what drives it, is closed.
	ErrClosed Code = capi.EClosed
	// ErrTimeout: it did not happen in time.
	ErrTimeout Code = capi.ETimeout
	// ErrIsAuthority: what the command would do is not done to an authority.
	ErrIsAuthority Code = capi.EIsAuthority
	// ErrNoLongerAuthority: this node issued statements as an authority, and is listed as none.
	ErrNoLongerAuthority Code = capi.ENoLongerAuthority
	// ErrPartial: a replica that does not hold every node cannot be an authority.
	ErrPartial Code = capi.EPartial
	// ErrDamaged: a part of the journal is lost, and the node has to start anew with this list.
	ErrDamaged Code = capi.EDamaged
	// ErrInUse: the journal is in use by another process.
	ErrInUse Code = capi.EInUse
)

// Error says what the code means.
func (code Code) Error() string { return capi.Text(int32(code)) }

// Error is what a call failed with.
type Error struct {
	// Op is what was tried.
	Op string
	// Code says what went wrong; [errors.Is] finds it.
	Code Code
	// Msg says more, where more is known.
	Msg string
	// Offset is where in a text it is wrong, in bytes from its beginning, where that is known.
	Offset int
}

func (err *Error) Error() string {
	if err.Msg != "" {
		return fmt.Sprintf("rollbook: %s: %s", err.Op, err.Msg)
	}
	return fmt.Sprintf("rollbook: %s: %s", err.Op, err.Code.Error())
}

// Unwrap gives the code.
func (err *Error) Unwrap() error { return err.Code }

// failed makes an error of a code below 0, and nothing of others.
func failed(op string, code int32) error {
	if code >= capi.OK {
		return nil
	}
	return &Error{Op: op, Code: Code(code)}
}

// failedBecause is [failed] with what the library says of an input that a person wrote.
func failedBecause(op string, code int32, why *capi.Error) error {
	if code >= capi.OK {
		return nil
	}
	err := &Error{Op: op, Code: Code(code), Offset: int(why.Offset)}
	err.Msg = untilZero(why.Message[:])
	return err
}

func untilZero(text []byte) string {
	for i, b := range text {
		if b == 0 {
			return string(text[:i])
		}
	}
	return string(text)
}
