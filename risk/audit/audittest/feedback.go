package audittest

import (
	"fmt"
	"time"

	"github.com/riskkit/riskkit/risk"
)

// feedback returns the verdict number i.
func feedback(i int) risk.Feedback {
	return risk.Feedback{ID: fmt.Sprintf("INC-%d", i), Level: "high", Time: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)}
}
