package registry

// For the tests outside of the package.
var (
	EncodeState = (*State).encode
	DecodeState = decodeState
)

type ApprovalKey = approvalKey
