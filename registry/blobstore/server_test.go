package blobstore_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/riskkit/riskkit/registry"
	"github.com/riskkit/riskkit/registry/blobstore"
)

const bucketName = "models"

// A server speaks S3 on a loopback address. What comes between it and the
// network is up to the test.
type server struct {
	url     string
	backend *s3mem.Backend

	mu       sync.Mutex
	between  middleware
	requests map[string]int // by method, with LIST for the listing of objects
}

// middleware answers a request, by means of next or not.
type middleware func(w http.ResponseWriter, r *http.Request, next http.Handler)

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{backend: s3mem.New(), requests: map[string]int{}}
	if err := s.backend.CreateBucket(bucketName); err != nil {
		t.Fatal(err)
	}
	fake := gofakes3.New(s.backend).Server()
	hs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests[kind(r)]++
		between := s.between
		s.mu.Unlock()
		if between == nil {
			fake.ServeHTTP(w, r)
		} else {
			between(w, r, fake)
		}
	}))
	t.Cleanup(hs.Close)
	s.url = hs.URL
	return s
}

func kind(r *http.Request) string {
	if r.URL.Query().Has("list-type") {
		return "LIST"
	}
	return r.Method
}

// through lets requests pass through m from now on; nil takes it away.
func (s *server) through(m middleware) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.between = m
}

// counted returns how many requests of each kind there were while f ran.
func (s *server) counted(f func()) map[string]int {
	s.mu.Lock()
	s.requests = map[string]int{}
	s.mu.Unlock()
	f()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// bucket opens the server's bucket, with a client and connections of its own.
func (s *server) bucket(t testing.TB) *blob.Bucket {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	client := s3.New(s3.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(s.url),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider("key", "secret-of-the-test", ""),
		HTTPClient:   &http.Client{Transport: transport},
		Retryer:      retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = time.Millisecond }),
	})
	b, err := s3blob.OpenBucket(t.Context(), client, bucketName, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	return b
}

// store opens a store on the server.
func (s *server) store(t testing.TB) *blobstore.Store {
	t.Helper()
	return newStore(t, s.bucket(t), nil)
}

func newStore(t testing.TB, b *blob.Bucket, o *blobstore.Options) *blobstore.Store {
	t.Helper()
	store, err := blobstore.New(b, o)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// put writes an object behind the back of the store.
func (s *server) put(t testing.TB, key, data string) {
	t.Helper()
	s.putBy(t, "", key, data)
}

// putBy is put with the mark of another attempt, if it is not empty.
func (s *server) putBy(t testing.TB, mark, key, data string) {
	t.Helper()
	metadata := map[string]string{}
	if mark != "" {
		metadata["X-Amz-Meta-Attempt"] = mark
	}
	if _, err := s.backend.PutObject(bucketName, key, metadata, strings.NewReader(data), int64(len(data)), nil); err != nil {
		t.Fatal(err)
	}
}

// object returns the content of an object, and whether there is one.
func (s *server) object(t testing.TB, key string) (string, bool) {
	t.Helper()
	o, err := s.backend.GetObject(bucketName, key, nil)
	if gofakes3.HasErrorCode(err, gofakes3.ErrNoSuchKey) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer o.Contents.Close()
	data, err := io.ReadAll(o.Contents)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), true
}

// keys returns the keys of all objects in order.
func (s *server) keys(t testing.TB) (keys []string) {
	t.Helper()
	list, err := s.backend.ListBucket(bucketName, nil, gofakes3.ListBucketPage{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Contents {
		keys = append(keys, o.Key)
	}
	return keys
}

// answer lets next answer a request and returns the answer.
func answer(r *http.Request, next http.Handler) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	return rec
}

// hangUp breaks the connection.
func hangUp() { panic(http.ErrAbortHandler) }

// fail answers with an error of S3.
func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	io.WriteString(w, "<Error><Code>"+code+"</Code><Message>as the test wants it</Message></Error>")
}

// isEvent reports whether r writes an event.
func isEvent(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/models/") && strings.HasSuffix(r.URL.Path, ".json")
}

// events reads a log from a position.
func events(t testing.TB, s registry.Store, log string, from int64) (all []string, err error) {
	t.Helper()
	for e, err := range s.Events(t.Context(), log, from) {
		if err != nil {
			return all, err
		}
		all = append(all, string(e))
	}
	return all, nil
}

// is fails the test if err does not wrap want.
func is(t testing.TB, err, want error, doing string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: error is %v, want %v", doing, err, want)
	}
}

// idle fails the test if a goroutine runs code of the store.
func idle(t testing.TB) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		if bytes.Contains(stack, []byte("blobstore.(*")) || bytes.Contains(stack, []byte("blobstore.inParallel")) {
			t.Errorf("a goroutine is left:\n%s", stack)
		}
	}
}
