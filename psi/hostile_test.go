package psi_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"strings"
	"testing"
	"time"

	"github.com/riskkit/riskkit/psi"
)

// broken is an extractor of the host's that does what it must not.
type broken struct{}

func (broken) NumFeatures() int         { return 2 }
func (broken) FeatureName(i int) string { return fmt.Sprint("f", i) }

func (broken) AppendFeatures(ind []int32, val []float64, s string) ([]int32, []float64) {
	switch s {
	case "panic":
		panic("the extractor is broken")
	case "twice":
		return append(ind, 0, 0), append(val, 1, 2)
	case "backwards":
		return append(ind, 1, 0), append(val, 1, 2)
	case "without a value":
		return append(ind, 0, 1), append(val, 1)
	}
	return append(ind, 0), append(val, 1)
}

// TestBrokenExtractor has a text make the extractor panic, or give features that
// are none: neither blocks the monitor nor counts.
func TestBrokenExtractor(t *testing.T) {
	for _, bad := range []string{"panic", "twice", "backwards", "without a value"} {
		base := baseline(t, broken{}, []string{"a", "b", "c", "d", "e", "f"})
		m, err := psi.NewMonitor(base, broken{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			func() {
				defer func() { _ = recover() }()
				m.Observe(bad)
			}()
			m.Observe("good")
			_, err := m.Sweep(t.Context())
			done <- err
		}()
		select {
		case err := <-done:
			if bad != "panic" && !errors.Is(err, psi.ErrFeatures) {
				t.Errorf("%s: error is %v", bad, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the monitor is blocked", bad)
			continue
		}
		if n := m.Profile().N(); n != 1 {
			t.Errorf("%s: %d texts counted, want 1", bad, n)
		}
		if bad == "panic" {
			continue
		}
		b, err := psi.NewBuilder(broken{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b.Text("good")
		b.Text(bad)
		if _, err := b.Baseline(); !errors.Is(err, psi.ErrFeatures) {
			t.Errorf("%s: the baseline's error is %v", bad, err)
		}
	}
}

// TestNoExtractor has a monitor of the host's own features alone.
func TestNoExtractor(t *testing.T) {
	if _, err := psi.NewMonitor(mixed(t), nil, nil); !errors.Is(err, psi.ErrFeatures) {
		t.Errorf("without the extractor of its features of texts: error is %v", err)
	}
	b, err := psi.NewBuilder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Text("nothing")
	b.Numeric("size", 1)
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	m, err := psi.NewMonitor(base, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Observe("nothing")
	size, err := m.Numeric("size")
	if err != nil {
		t.Fatal(err)
	}
	size.Observe(1)
	if want := `{"name":"size","counts":[0,1,0,0]}`; m.Profile().N() != 0 || !strings.Contains(encoded(t, m.Profile()), want) {
		t.Errorf("counted %s, want %s", encoded(t, m.Profile()), want)
	}
}

// TestNotUTF8 has categories and names that JSON has no word for: a baseline
// can always be read back, and counts as before.
func TestNotUTF8(t *testing.T) {
	b, err := psi.NewBuilder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		for _, region := range []string{"eu", "\xff", "\xfe", "us\xff"} {
			b.Categorical("region", region)
		}
	}
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	var again psi.Baseline
	if err := json.Unmarshal(data, &again); err != nil || again.ID() != base.ID() {
		t.Fatalf("%s is read back with ID %s, error %v", data, again.ID(), err)
	}
	p, q := psi.NewProfile(base), psi.NewProfile(&again)
	for _, region := range []string{"eu", "\xff", "us\xff", "us\ufffd", "\ufffd"} {
		if err := errors.Join(p.AddCategorical("region", region), q.AddCategorical("region", region)); err != nil {
			t.Fatal(err)
		}
		if encoded(t, p) != encoded(t, q) {
			t.Errorf("%q counts as %s, read back as %s", region, encoded(t, p), encoded(t, q))
		}
	}
	b, err = psi.NewBuilder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Numeric("size\xff", 1)
	if _, err := b.Baseline(); !errors.Is(err, psi.ErrInput) {
		t.Errorf("a name that is not UTF-8: error is %v", err)
	}
}

// TestMergeOverflow merges profiles of more than numbers hold, as a hostile
// replica may send them.
func TestMergeOverflow(t *testing.T) {
	b, err := psi.NewBuilder(values(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		b.Text(fmt.Sprint(i))
		b.Numeric("size", float64(i))
	}
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	empty := encoded(t, psi.NewProfile(base))
	huge := func(n, text, own int64) *psi.Profile {
		s := strings.Replace(empty, `"n":0`, fmt.Sprintf(`"n":%d`, n), 1)
		i := strings.Index(s, `"counts":[0`)
		s = s[:i] + strings.Replace(s[i:], `[0`, fmt.Sprintf(`[%d`, text), 1)
		i = strings.LastIndex(s, `"counts":[0`)
		s = s[:i] + strings.Replace(s[i:], `[0`, fmt.Sprintf(`[%d`, own), 1)
		p, err := psi.ParseProfile(base, []byte(s))
		if err != nil {
			t.Fatal(s, err)
		}
		return p
	}
	const half = 1<<52 + 1
	for name, p := range map[string]func() *psi.Profile{
		"texts":      func() *psi.Profile { return huge(half, half, 0) },
		"host's own": func() *psi.Profile { return huge(0, 0, half) },
	} {
		sum := p()
		before := encoded(t, sum)
		if err := sum.Merge(p()); !errors.Is(err, psi.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
		if after := encoded(t, sum); after != before {
			t.Errorf("%s: what could not be merged is %s, was %s", name, after, before)
		}
		more := strings.ReplaceAll(before, fmt.Sprint(int64(half)), fmt.Sprint(int64(2*half)))
		if _, err := psi.ParseProfile(base, []byte(more)); !errors.Is(err, psi.ErrInput) {
			t.Errorf("%s: more than 2^53: error is %v", name, err)
		}
	}
}

// longWords is a vocabulary that knows lines of underscores.
type longWords struct{ psi.Vocabulary }

func (longWords) NumWords() int { return 100 }

func (longWords) WordID(word []byte) (id int, ok bool) {
	return len(word), len(word) < 100 && strings.Trim(string(word), "_") == ""
}

func (longWords) Word(id int) string { return strings.Repeat("_", id) }

// TestWatchLongWords has words that are longer than terms and begin alike: they
// are one term, and not new.
func TestWatchLongWords(t *testing.T) {
	text := func(n int) string { return "server down " + strings.Repeat("_", n) }
	training := words(t, nil)
	f, err := psi.NewTextFeatures(longWords{vocabulary(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i := range 400 {
		texts = append(texts, text(70+i%60)) // some longer than the vocabulary knows
		training.Observe(tokens{[]byte("server"), []byte("down"), []byte(strings.Repeat("_", 70+i%60))}, "")
	}
	m, err := psi.NewMonitor(baseline(t, f, texts), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WatchWords(psi.WordsWatch{Training: training}); err != nil {
		t.Fatal(err)
	}
	for _, s := range texts {
		m.Observe(s)
	}
	r, err := m.Sweep(t.Context())
	if err != nil || len(r.Words.New) > 0 || len(r.Words.Vanished) > 0 {
		t.Errorf("words %+v, error %v", r.Words, err)
	}
}

// TestTakeEndsWordsToo ends a window by Take: its words are not in the next.
func TestTakeEndsWordsToo(t *testing.T) {
	training := words(t, nil)
	for range 500 {
		training.Observe(tokens{[]byte("server")}, "")
	}
	f, err := psi.NewTextFeatures(vocabulary(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := psi.NewMonitor(baseline(t, f, []string{"server", "server"}), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WatchWords(psi.WordsWatch{Training: training}); err != nil {
		t.Fatal(err)
	}
	for range 300 {
		m.Observe("server before")
	}
	if n := m.Take().N(); n != 300 {
		t.Errorf("the window had %d texts", n)
	}
	for range 200 {
		m.Observe("server afterwards")
	}
	r, err := m.Sweep(t.Context())
	if err != nil || r.Words.NRecent != 200 || len(r.Words.New) != 1 || r.Words.New[0].Term != "afterwards" {
		t.Errorf("words %+v, error %v", r.Words, err)
	}
	if err := m.WatchWords(psi.WordsWatch{Training: training}); !errors.Is(err, psi.ErrInput) {
		t.Errorf("watching words too late: error is %v", err)
	}
}
