package blobstore_test

import (
	"context"
	"fmt"

	"gocloud.dev/blob/memblob"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/blobstore"
)

// The bucket here is one in memory. Elsewhere it comes from blob.OpenBucket
// with an address such as "s3://models?region=eu-central-1", and an import of
// the driver.
func Example() {
	ctx := context.Background()
	bucket := memblob.OpenBucket(nil)
	defer bucket.Close()
	store, err := blobstore.New(bucket, &blobstore.Options{Prefix: "teams/operations"})
	if err != nil {
		fmt.Println(err)
		return
	}
	reg := registry.New(store, nil)
	v, err := reg.Register(ctx, "incident-risk", registry.Artifact{"model.bin": []byte("weights")},
		&registry.RegisterOptions{Stage: registry.Production, Actor: "nightly training"})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := registry.ReadFile(ctx, reg, v, "model.bin")
	fmt.Printf("version %d in %s: %s, %v\n", v.Number, v.Stage, data, err)
	// Output: version 1 in production: weights, <nil>
}
