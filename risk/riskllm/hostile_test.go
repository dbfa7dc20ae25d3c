package riskllm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/riskkit/riskkit/risk"
	"github.com/riskkit/riskkit/risk/riskllm"
)

// TestKeyStaysInside has servers say the key that they were sent, and addresses
// that have one in them fail: no error may have it.
func TestKeyStaysInside(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintf(w, "<pre>%s%s", strings.Repeat(" ", 180), r.Header.Get("Authorization"))
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"page": echo, // which is cut within the key
		"message": func(w http.ResponseWriter, r *http.Request) {
			fail(w, http.StatusUnauthorized, "Received "+r.Header.Get("Authorization"))
		},
		"refusal": func(w http.ResponseWriter, r *http.Request) {
			says("stop", "", "no, "+r.Header.Get("Authorization"))(w, r)
		},
		"opinion": func(w http.ResponseWriter, r *http.Request) {
			k := r.Header.Get("Authorization")
			says("stop", fmt.Sprintf(`{"level":%q,"reason":%q}`, k, k), "")(w, r)
		},
		"location": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://127.0.0.1:1/"+r.Header.Get("Authorization"))
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
	} {
		s := newAPI(t, "open sesame", answer)
		e, err := riskllm.New(s.URL+"/v1", "m", &riskllm.Options{Key: func(context.Context) (string, error) { return "open sesame", nil }})
		if err != nil {
			t.Fatal(err)
		}
		op, err := e.Escalate(t.Context(), risk.Document{}, risk.Assessment{})
		if told := fmt.Sprint(op, err); strings.Contains(told, "sesa") || (err == nil) != (name == "opinion") {
			t.Errorf("%s: %s", name, told)
		}
		var status *riskllm.StatusError
		if errors.As(err, &status) && strings.Contains(status.Message, "sesa") {
			t.Errorf("%s: message %q", name, status.Message)
		}
	}
	for _, base := range []string{"http://127.0.0.1:1/v1?api-key=sesame", "http://user:sesame@127.0.0.1:1/v1"} {
		e, err := riskllm.New(base, "m", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Escalate(t.Context(), risk.Document{}, risk.Assessment{}); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", base, err)
		}
	}
	if _, err := riskllm.New("ftp://user:sesame@llm.example/v1", "m", nil); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("%v", err)
	}
}

// TestRedirect wants neither the incident nor the key to go where a server says,
// with a Client of the host's too, unless that says how to follow.
func TestRedirect(t *testing.T) {
	for name, c := range map[string]struct {
		client *http.Client
		want   bool
	}{
		"none": {}, "plain": {client: &http.Client{Timeout: time.Minute}}, "default": {client: http.DefaultClient},
		"follows": {client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}, want: true},
	} {
		got := false
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got = true }))
		s := newAPI(t, "sesame", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusPermanentRedirect)
		})
		_, err := escalator(t, s, riskllm.Options{Client: c.client}).Escalate(t.Context(), risk.Document{Text: "secret"}, risk.Assessment{})
		if err == nil || got != c.want {
			t.Errorf("%s: followed %v, error %v", name, got, err)
		}
		elsewhere.Close()
	}
	if http.DefaultClient.CheckRedirect != nil {
		t.Error("http.DefaultClient is changed")
	}
}

// TestTokens wants a count to be believed where it can be one, and an opinion to
// stand whatever the count is.
func TestTokens(t *testing.T) {
	for usage, want := range map[string]int{
		`{"total_tokens":320}`: 320, `{"total_tokens":0}`: 0, `{"total_tokens":3.2e2}`: 320,
		`{}`: -1, `null`: -1, `[]`: -1, `"free"`: -1, `7`: -1, `{"total_tokens":null}`: -1, `{"total_tokens":"320"}`: -1, `{"total_tokens":[1]}`: -1,
		`{"total_tokens":-5}`: -1, `{"total_tokens":0.5}`: -1, `{"total_tokens":1e99}`: -1, `{"total_tokens":1e400}`: -1,
		`{"total_tokens":9223372036854775807}`: -1, `{"total_tokens":9223372036854775808}`: -1, `{"total_tokens":-9223372036854775808}`: -1,
	} {
		s := newAPI(t, "sesame", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"choices":[{"finish_reason":"stop","message":{"content":"{\"level\":\"low\",\"reason\":\"\"}"}}],"usage":%s}`, usage)
		})
		op, err := escalator(t, s, riskllm.Options{}).Escalate(t.Context(), risk.Document{}, risk.Assessment{})
		if err != nil || op.Level != "low" || op.Tokens != want {
			t.Errorf("%s: %+v, error %v, want %d tokens", usage, op, err, want)
		}
	}
}

// TestSizes tries what is far too big, not UTF-8, and the largest limits.
func TestSizes(t *testing.T) {
	s := newAPI(t, "sesame", says("stop", `{"reason":"`+strings.Repeat("\u00e9", 600)+`","level":"low"}`, ""))
	e := escalator(t, s, riskllm.Options{MaxText: 1000, MaxResponse: math.MaxInt64})
	var tags []string
	for range 10_000 {
		tags = append(tags, strings.Repeat("t", 300))
	}
	op, err := e.Escalate(t.Context(), risk.Document{Text: strings.Repeat("\x80a", 10_000), Tags: tags}, risk.Assessment{})
	if err != nil || op.Level != "low" || len(op.Reason) > 1000 || !utf8.ValidString(op.Reason) {
		t.Errorf("%d bytes of a reason, error %v", len(op.Reason), err)
	}
	var incident struct {
		Text string   `json:"incident_text"`
		Tags []string `json:"incident_tags"`
	}
	long := newAPI(t, "sesame", says("stop", `{"reason":"","level":"`+strings.Repeat("l", 100_000)+`"}`, ""))
	if _, err := escalator(t, long, riskllm.Options{}).Escalate(t.Context(), risk.Document{}, risk.Assessment{}); !errors.Is(err, riskllm.ErrAnswer) || len(err.Error()) > 200 {
		t.Errorf("a long level: %.200v", err)
	}
	if err := json.Unmarshal([]byte(s.last.Messages[1].Content), &incident); err != nil {
		t.Fatal(err)
	}
	if n := len(incident.Text); n > 1000 || n < 997 {
		t.Errorf("%d bytes of text", n)
	}
	if n := len(strings.Join(incident.Tags, "")); n > 1000 || n == 0 {
		t.Errorf("%d bytes of tags", n)
	}
}

// TestEnded wants an error that says so where the caller ends a call, whether
// the server has not begun to answer or does so for ever.
func TestEnded(t *testing.T) {
	for name, begin := range map[string]string{"before": "", "within": `{"choices":`} {
		for _, status := range []int{http.StatusOK, http.StatusInternalServerError} {
			began := make(chan struct{})
			s := newAPI(t, "sesame", func(w http.ResponseWriter, r *http.Request) {
				if begin != "" {
					w.WriteHeader(status)
					_, _ = io.WriteString(w, begin)
					w.(http.Flusher).Flush()
				}
				close(began)
				<-r.Context().Done()
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-began; cancel() }()
			op, err := escalator(t, s, riskllm.Options{}).Escalate(ctx, risk.Document{}, risk.Assessment{})
			if !errors.Is(err, context.Canceled) && !(begin != "" && errors.Is(err, riskllm.ErrStatus)) {
				t.Errorf("%s, %d: %+v, error %v", name, status, op, err)
			}
			cancel()
		}
	}
}

// TestConcurrent has many ask a server that wants a pause now and then.
func TestConcurrent(t *testing.T) {
	var mu sync.Mutex
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n++
		busy := n%5 == 0
		mu.Unlock()
		if busy {
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusTooManyRequests, "Rate limit reached")
			return
		}
		says("stop", `{"reason":"x","level":"low"}`, "")(w, r)
	}))
	defer s.Close()
	var at sync.Mutex
	now := time.Unix(1_800_000_000, 0)
	e, err := riskllm.New(s.URL, "m", &riskllm.Options{Now: func() time.Time { at.Lock(); defer at.Unlock(); now = now.Add(100 * time.Millisecond); return now }})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				op, err := e.Escalate(t.Context(), risk.Document{Text: "x", Tags: []string{"y"}}, risk.Assessment{})
				if ok := err == nil && op.Level == "low"; !ok && !errors.Is(err, riskllm.ErrWait) && !errors.Is(err, riskllm.ErrStatus) {
					t.Errorf("%+v, error %v", op, err)
				}
			}
		})
	}
	wg.Wait()
}
