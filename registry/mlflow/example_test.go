package mlflow_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/mlflow"
)

// The server stands for a real one, which has more to say.
func ExampleClientFromEnv() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "3.17.2") }))
	defer server.Close()
	os.Setenv("MLFLOW_TRACKING_URI", server.URL) // usually set from outside
	defer os.Unsetenv("MLFLOW_TRACKING_URI")

	client, err := mlflow.ClientFromEnv(os.Getenv)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.CloseIdle()
	fmt.Println(client.Version(context.Background()))
	// Output: 3.17.2 <nil>
}

// This needs a server: see examples/mlflow for how to start one.
func ExampleOpen() {
	ctx := context.Background()
	client, err := mlflow.NewClient(&mlflow.ClientOptions{URI: "http://127.0.0.1:5000"})
	if err != nil {
		fmt.Println(err)
		return
	}
	reg, err := mlflow.Open(ctx, client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := reg.Register(ctx, "incident-risk", registry.Artifact{"model.bin": []byte("weights")}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = reg.Move(ctx, "incident-risk", registry.Move{Version: v.Number, To: registry.Production})
	fmt.Println(err)
}
