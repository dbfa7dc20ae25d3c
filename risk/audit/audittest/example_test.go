package audittest_test

import (
	"context"
	"fmt"
	"os"

	"github.com/riskkit/riskkit/risk/audit"
	"github.com/riskkit/riskkit/risk/audit/audittest"
)

func ExampleTestSink() {
	root, err := os.MkdirTemp("", "audit-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	dir, err := audit.OpenDir(root, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dir.Close()
	fmt.Println(audittest.TestSink(context.Background(), dir))
	// Output: <nil>
}
