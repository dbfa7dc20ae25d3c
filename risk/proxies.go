package risk

import (
	"fmt"

	"github.com/riskkit/riskkit/eval"
)

// CountAnswer counts an answer in proxies over the levels of its scale: its
// level, its score, the greatest of its probabilities and whether it was
// escalated. It does not allocate. The error wraps ErrInvalid where the answer
// is not on the scale.
func CountAnswer(p *eval.Proxies, a *Assessment) error {
	if err := a.check(p.Levels); err != nil {
		return fmt.Errorf("%w: id %q: %w", ErrInvalid, a.ID, err)
	}
	confidence := 0.0
	for i := range a.Probabilities.Len() {
		_, v := a.Probabilities.At(i)
		confidence = max(confidence, v)
	}
	return p.Answer(Scale(p.Levels).Index(a.Level), a.Score, confidence, a.Escalated)
}
