package registry

// For the tests outside of the package.
var (
	EncodeState = (*State).encode
	DecodeState = decodeState
)

type ApprovalKey = approvalKey

// Seen returns the models that l remembers.
func (l *Log) Seen() []string { return l.seen() }
