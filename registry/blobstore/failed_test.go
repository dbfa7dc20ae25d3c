package blobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"testing"
)

func TestFailed(t *testing.T) {
	s := &Store{o: Options{Name: "azblob://models"}}
	// Azure's addresses can carry a signature that lets who has it in.
	of := &url.Error{Op: "Put", URL: "https://account.blob.core.windows.net/models/a?sv=2026&sig=abc%2Fdef", Err: io.EOF}
	err := s.failed(t.Context(), fmt.Errorf("blob: %w", of))
	if want := `bucket azblob://models: blob: Put "https://account.blob.core.windows.net/models/a": EOF`; err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("%v does not wrap its cause", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.failed(ctx, errors.New("aborted")); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, and the context is done", err)
	}
	if err := s.failed(ctx, nil); err != nil {
		t.Errorf("no error is %v", err)
	}
}
