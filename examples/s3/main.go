// S3 keeps a registry in a bucket: it registers two versions of a model, the
// second with its lineage and both with a key, promotes them, gives one a name
// of its own, rolls back, and prints what happened.
//
//	go run .
//	BUCKET_URL='s3://my-bucket?region=eu-central-1' go run .
//
// Without BUCKET_URL it starts a server that speaks S3 in its own process, and
// needs nothing else. With it, it finds credentials where the AWS tools do, and
// leaves the registry in a folder of the bucket that begins with riskkit-example.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // opens s3://

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/blobstore"
)

// model is the name that the versions are registered under.
const model = "incident-risk"

func main() {
	if err := start(context.Background(), os.Stdout, os.Getenv("BUCKET_URL")); err != nil {
		fmt.Fprintln(os.Stderr, "s3:", err)
		os.Exit(1)
	}
}

// start runs the example in the bucket with an address, or in one of its own.
func start(ctx context.Context, out io.Writer, address string) error {
	if address == "" {
		server, err := serve()
		if err != nil {
			return err
		}
		bucket, err := server.open(ctx)
		if err != nil {
			return errors.Join(err, server.close())
		}
		// A clock of its own gives the history the same times on every run.
		now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
		clock := func() time.Time { now = now.Add(time.Hour); return now }
		return errors.Join(run(ctx, out, bucket, &blobstore.Options{Name: "of this process"}, clock), bucket.Close(), server.close())
	}
	bucket, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(address, "?")
	folder := "riskkit-example-" + time.Now().UTC().Format("20060102T150405.000")
	fmt.Fprintf(out, "The registry is in %s/%s.\n", name, folder)
	return errors.Join(run(ctx, out, bucket, &blobstore.Options{Name: name, Prefix: folder}, time.Now), bucket.Close())
}

// run is the example.
func run(ctx context.Context, out io.Writer, bucket *blob.Bucket, o *blobstore.Options, clock func() time.Time) error {
	store, err := blobstore.New(bucket, o)
	if err != nil {
		return err
	}
	reg := registry.New(store, &registry.LogOptions{Now: clock})

	first := registry.Artifact{"model.bin": []byte("first weights"), "card.md": []byte("# Trained on labels until May\n")}
	second := registry.Artifact{"model.bin": []byte("second weights"), "card.md": []byte("# Trained on labels until June\n")}
	if _, err := reg.Register(ctx, model, first, &registry.RegisterOptions{
		Stage: registry.Staging, Actor: "training", Reason: "first labels", Key: "run 1",
	}); err != nil {
		return err
	}
	options := &registry.RegisterOptions{
		Stage: registry.Staging, Actor: "training", Reason: "labels of June", Key: "run 2",
		Lineage: &registry.Lineage{
			Data: registry.DigestOf([]byte("labels until June")).String(), Code: "v1.4.0", Run: "run 2", Seed: 7, Parent: 1,
		},
	}
	v, err := reg.Register(ctx, model, second, options)
	if err != nil {
		return err
	}
	// Had the answer been lost, the training would register again. The key says
	// that it is the same version.
	again, err := reg.Register(ctx, model, second, options)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Registered version %d, and with the same key again version %d.\n", v.Number, again.Number)
	fmt.Fprintf(out, "Version %d comes from version %d by code %s.\n", v.Number, v.Lineage.Parent, v.Lineage.Code)

	// Expect says which version the mover believes to be there, so that two who
	// move at the same time do not undo each other's work unseen.
	for _, m := range []registry.Move{
		{Version: 1, To: registry.Production, Expect: new(0), Actor: "on call", Reason: "first model"},
		{Version: 1, Alias: "baseline", Actor: "on call", Reason: "to compare with"},
		{Version: 2, To: registry.Production, Expect: new(1), Actor: "on call", Reason: "better recall"},
		{Rollback: true, Expect: new(2), Actor: "on call", Reason: "too many false alarms"},
	} {
		if _, err := reg.Move(ctx, model, m); err != nil {
			return err
		}
	}
	_, err = reg.Move(ctx, model, registry.Move{Version: 2, To: registry.Production, Expect: new(2), Actor: "somebody else"})
	fmt.Fprintf(out, "A move that expects what is not there: %v.\n", err)

	for _, ref := range []string{"production", "baseline", "latest"} {
		v, err := reg.Resolve(ctx, model, ref)
		if err != nil {
			return err
		}
		weights, err := registry.ReadFile(ctx, reg, v, "model.bin")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-10s is version %d: %s\n", ref, v.Number, weights)
	}
	return history(ctx, out, reg)
}

// history prints the events of the model as a table.
func history(ctx context.Context, out io.Writer, reg registry.Registry) error {
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SEQ\tTIME\tEVENT\tVERSION\tWHERE\tINSTEAD OF\tBY\tREASON")
	for e, err := range reg.History(ctx, model) {
		if err != nil {
			return err
		}
		instead := "-"
		if e.From > 0 {
			instead = fmt.Sprint(e.From)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", e.Seq, e.Time.Format(time.DateTime), e.Kind, e.Version,
			cmp.Or(string(e.Stage), e.Alias, "-"), instead, e.Actor, e.Reason)
	}
	return table.Flush()
}
