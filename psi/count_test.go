package psi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/internal/race"
	"github.com/riskkit/riskkit/psi"
)

// mixed is a baseline of two features of texts and four of the host's own.
func mixed(t testing.TB) *psi.Baseline {
	t.Helper()
	b, err := psi.NewBuilder(values(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 4))
	for range 1000 {
		b.Text(fmt.Sprintf("%d %.3f", rng.IntN(4), rng.NormFloat64()))
		b.Numeric("score", rng.Float64())
		b.Categorical("level", []string{"low", "medium", "high"}[rng.IntN(3)])
	}
	for range 100 {
		b.Numeric("latency", rng.ExpFloat64())
		b.Categorical("region", []string{"eu", "us", ""}[rng.IntN(3)])
	}
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func TestBuilder(t *testing.T) {
	b, err := psi.NewBuilder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		b.Numeric("size", []float64{0, 1, math.NaN(), 3}[i%4])
		b.Categorical("region", []string{"us", "eu", "", "us", "asia"}[i%5])
		b.Categorical("ticket", fmt.Sprint(i)) // all rare
	}
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"format":"riskkit-baseline/2","n":0,"own":0,"features":[` +
		`{"name":"size","edges":[0.5,2],"counts":[25,25,25,25],"moments":{"mean":1.3333333333333333,"sd":1.2555,"min":0,"max":3}},` +
		`{"name":"region","kind":"categorical","categories":["asia","eu","us"],"counts":[20,20,40,0,20]},` +
		`{"name":"ticket","kind":"categorical","counts":[100,0]}]}`
	got := string(data)
	if i := strings.Index(got, `"sd":`); i > 0 { // 75 values, sum of squares 116.67 about their mean: sqrt(116.667/74)
		j := i + strings.Index(got[i:], ",")
		var sd float64
		if _, err := fmt.Sscan(got[i+5:j], &sd); err != nil || math.Abs(sd-math.Sqrt(25*(16.0/9+1.0/9+25.0/9)/74)) > 1e-12 {
			t.Errorf("standard deviation is %v, error %v", sd, err)
		}
		got = got[:i] + `"sd":1.2555` + got[j:]
	}
	if got != want {
		t.Errorf("baseline is\n%s, want\n%s", got, want)
	}
	b, _ = psi.NewBuilder(nil, nil)
	b.Numeric("size", 1)
	b.Categorical("size", "large")
	if _, err := b.Baseline(); !errors.Is(err, psi.ErrInput) {
		t.Errorf("numbers and categories: error is %v", err)
	}
	b, _ = psi.NewBuilder(nil, nil)
	if _, err := b.Baseline(); !errors.Is(err, psi.ErrInput) {
		t.Errorf("nothing: error is %v", err)
	}
}

// TestManyCategories counts a million different categories.
func TestManyCategories(t *testing.T) {
	b, err := psi.NewBuilder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1_000_000 {
		b.Categorical("id", fmt.Sprint(i))
		if i%10 == 0 {
			b.Categorical("id", "common")
		}
	}
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(base)
	if want := `"categories":["common"],"counts":[100000,1000000,0]`; err != nil || !strings.Contains(string(data), want) {
		t.Errorf("baseline is %.300s, want %s", data, want)
	}
	m, err := psi.NewMonitor(base, values(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := m.Categorical("id")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		id.Observe(fmt.Sprint("new ", i))
		if i%10 == 0 {
			id.Observe("common")
		}
	}
	r, err := m.Sweep(t.Context())
	if err != nil || r.Features[0].Status != psi.StatusStable && r.Features[0].PSI > 0.1 { // others are what they always were
		t.Errorf("report %+v, error %v", r, err)
	}
}

// observe counts the same observations in whatever counts.
func observe(rng *rand.Rand, n int, text func(string), numeric func(string, float64), categorical func(string, string)) {
	for range n {
		text(fmt.Sprintf("%d %.3f", rng.IntN(5), rng.NormFloat64()))
		numeric("score", []float64{rng.Float64(), math.NaN(), math.Inf(1), -1, 0}[rng.IntN(5)])
		numeric("latency", rng.ExpFloat64())
		categorical("level", []string{"low", "medium", "high", "", "critical"}[rng.IntN(5)])
		if rng.IntN(3) == 0 {
			categorical("region", "us")
		}
	}
}

// count counts in a Profile.
func count(t testing.TB, p *psi.Profile, rng *rand.Rand, n int) {
	t.Helper()
	var errs []error
	observe(rng, n, func(s string) {
		ind, val := values(2).AppendFeatures(nil, nil, s)
		errs = append(errs, p.Add(ind, val))
	}, func(name string, v float64) { errs = append(errs, p.AddNumeric(name, v)) }, func(name, v string) { errs = append(errs, p.AddCategorical(name, v)) })
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func encoded(t testing.TB, p *psi.Profile) string {
	t.Helper()
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestMonitorCountsAsProfiles has goroutines observe, with windows that end
// meanwhile: the windows together are what one Profile counts.
func TestMonitorCountsAsProfiles(t *testing.T) {
	base := mixed(t)
	want := psi.NewProfile(base)
	m, err := psi.NewMonitor(base, values(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	const goroutines, each = 8, 500
	var wg sync.WaitGroup
	for g := range goroutines {
		count(t, want, rand.New(rand.NewPCG(uint64(g), 5)), each)
		wg.Go(func() {
			numeric, categories := map[string]*psi.Numeric{}, map[string]*psi.Categorical{}
			var err1, err2, err3, err4 error
			numeric["score"], err1 = m.Numeric("score")
			numeric["latency"], err2 = m.Numeric("latency")
			categories["level"], err3 = m.Categorical("level")
			categories["region"], err4 = m.Categorical("region")
			if err := errors.Join(err1, err2, err3, err4); err != nil {
				t.Error(err)
				return
			}
			observe(rand.New(rand.NewPCG(uint64(g), 5)), each, m.Observe, func(name string, v float64) { numeric[name].Observe(v) },
				func(name, v string) { categories[name].Observe(v) })
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	got := psi.NewProfile(base)
	for windows := 0; ; windows++ {
		select {
		case <-done:
			open := m.Profile()
			last := m.Take()
			if encoded(t, open) != encoded(t, last) || m.Profile().N() != 0 {
				t.Errorf("the window was %s, and ends with %s", encoded(t, open), encoded(t, last))
			}
			if err := got.Merge(last); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(encoded(t, want), encoded(t, got)); diff != "" {
				t.Errorf("in %d windows: %s", windows+1, diff)
			}
		default:
			if windows%100 == 99 {
				runtime.GC() // empties pools
			}
			if err := got.Merge(m.Take()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		break
	}
}

// TestProfileFiles writes and reads profiles, and refuses those of another
// baseline.
func TestProfileFiles(t *testing.T) {
	base := mixed(t)
	p := psi.NewProfile(base)
	count(t, p, rand.New(rand.NewPCG(1, 6)), 300)
	binary, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{[]byte(encoded(t, p)), binary} {
		q, err := psi.ParseProfile(base, data)
		if err != nil {
			t.Fatal(err)
		}
		if encoded(t, q) != encoded(t, p) {
			t.Errorf("read back, it is %s, want %s", encoded(t, q), encoded(t, p))
		}
		count(t, q, rand.New(rand.NewPCG(2, 6)), 200) // it goes on counting
		r := psi.NewProfile(base)
		count(t, r, rand.New(rand.NewPCG(1, 6)), 300)
		count(t, r, rand.New(rand.NewPCG(2, 6)), 200)
		if encoded(t, q) != encoded(t, r) {
			t.Errorf("counted on, it is %s, want %s", encoded(t, q), encoded(t, r))
		}
		// Another baseline: the same features, other counts.
		b, _ := psi.NewBuilder(values(2), nil)
		b.Text("1 2")
		other, err := b.Baseline()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := psi.ParseProfile(other, data); !errors.Is(err, psi.ErrFeatures) {
			t.Errorf("of another baseline: error is %v", err)
		}
		for i := range data {
			if _, err := psi.ParseProfile(base, data[:i]); !errors.Is(err, psi.ErrInput) {
				t.Errorf("cut to %d bytes: error is %v", i, err)
			}
		}
	}
	// The baseline read back is the same one.
	data, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	var again psi.Baseline
	if err := json.Unmarshal(data, &again); err != nil || again.ID() != base.ID() {
		t.Fatalf("ID %s, read back %s, error %v", base.ID(), again.ID(), err)
	}
	if err := p.Merge(psi.NewProfile(&again)); err != nil {
		t.Error(err)
	}
}

// TestProfileOfNegativeTexts has a number of texts that no counts contradict.
func TestProfileOfNegativeTexts(t *testing.T) {
	b, err := psi.NewBuilder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Numeric("size", 1)
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	good := encoded(t, psi.NewProfile(base))
	if _, err := psi.ParseProfile(base, []byte(strings.Replace(good, `"n":0`, `"n":-1`, 1))); !errors.Is(err, psi.ErrInput) {
		t.Errorf("error is %v", err)
	}
}

// TestProfileSize has 60 features of a million texts.
func TestProfileSize(t *testing.T) {
	b, err := psi.NewBuilder(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 7))
	for j := range 60 {
		for range 200 {
			b.Numeric(fmt.Sprintf("feature_number_%d", j), rng.NormFloat64())
		}
	}
	base, err := b.Baseline()
	if err != nil {
		t.Fatal(err)
	}
	p := psi.NewProfile(base)
	for j := range 60 {
		for range 1000 {
			if err := p.AddNumeric(fmt.Sprintf("feature_number_%d", j), rng.NormFloat64()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 10 { // a million
		if err := p.Merge(p); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := p.MarshalBinary()
	if err != nil || len(binary) > 10<<10 || len(encoded(t, p)) > 10<<10 {
		t.Errorf("a profile has %d bytes in binary, %d as JSON, error %v", len(binary), len(encoded(t, p)), err)
	}
	t.Logf("%d bytes in binary, %d as JSON", len(binary), len(encoded(t, p)))
}

func FuzzProfile(f *testing.F) {
	base := mixed(f)
	p := psi.NewProfile(base)
	count(f, p, rand.New(rand.NewPCG(1, 6)), 30)
	binary, err := p.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(encoded(f, p)))
	f.Add(binary)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := psi.ParseProfile(base, data)
		if err != nil {
			if !errors.Is(err, psi.ErrInput) && !errors.Is(err, psi.ErrFeatures) {
				t.Fatal(err)
			}
			return
		}
		q, err := psi.ParseProfile(base, []byte(encoded(t, p)))
		if err != nil || encoded(t, q) != encoded(t, p) {
			t.Fatalf("read back, it is %s, error %v, want %s", encoded(t, q), err, encoded(t, p))
		}
		binary, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if q, err = psi.ParseProfile(base, binary); err != nil || encoded(t, q) != encoded(t, p) {
			t.Fatalf("read back from binary, it is %s, error %v", encoded(t, q), err)
		}
	})
}

// TestOldBaseline reads a baseline of format 1.
func TestOldBaseline(t *testing.T) {
	old := `{"format":"riskkit-baseline/1","n":10,"features":[{"name":"f0","edges":[0.5],"counts":[4,5,1]}]}`
	var b psi.Baseline
	if err := json.Unmarshal([]byte(old), &b); err != nil {
		t.Fatal(err)
	}
	if err := b.Matches(values(1)); err != nil {
		t.Error(err)
	}
	for name, c := range map[string][2]string{
		"kind":       {`"name":"f0"`, `"name":"f0","kind":"colour"`},
		"categories": {`"name":"f0"`, `"name":"f0","categories":["a"]`},
		"own":        {`baseline/1","n":10`, `baseline/2","n":10,"own":2`},
		"no own":     {`baseline/1`, `baseline/2`},
		"sum":        {`[4,5,1]`, `[4,5,2]`},
	} {
		if err := json.Unmarshal([]byte(strings.Replace(old, c[0], c[1], 1)), &b); !errors.Is(err, psi.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func numeric(t testing.TB) *psi.Numeric {
	t.Helper()
	m, err := psi.NewMonitor(mixed(t), values(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := m.Numeric("score")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Numeric("level"); !errors.Is(err, psi.ErrFeatures) {
		t.Errorf("level as a number: error is %v", err)
	}
	if _, err := m.Categorical("f0"); !errors.Is(err, psi.ErrFeatures) {
		t.Errorf("a feature of texts as the host's own: error is %v", err)
	}
	return n
}

func TestNumericDoesNotAllocate(t *testing.T) {
	if race.Enabled || testing.Short() {
		t.Skip("allocations are counted without the race detector, on 64 bits")
	}
	n, v := numeric(t), 0.0
	if allocs := testing.AllocsPerRun(1000, func() { n.Observe(v); v += 0.001 }); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestMemoryIsFlat observes ten million values.
func TestMemoryIsFlat(t *testing.T) {
	if race.Enabled || testing.Short() {
		t.Skip("ten million observations take long with the race detector")
	}
	n := numeric(t)
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	rng := rand.New(rand.NewPCG(1, 8))
	for range 1000 {
		n.Observe(rng.NormFloat64())
	}
	before := memory()
	for range 10_000_000 {
		n.Observe(rng.NormFloat64())
	}
	if after := memory(); after > before+64<<10 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}

func BenchmarkNumeric(b *testing.B) {
	n := numeric(b)
	values := make([]float64, 1024)
	for i := range values {
		values[i] = rand.Float64()
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		n.Observe(values[i%1024])
		i++
	}
}

// BenchmarkTwoGoroutines says how much faster two goroutines are than one, at
// observing and at bare arithmetic.
func BenchmarkTwoGoroutines(b *testing.B) {
	n := numeric(b)
	const each = 1 << 20
	run := func(goroutines int, work func(*rand.Rand)) float64 {
		began := time.Now()
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() { work(rand.New(rand.NewPCG(uint64(g), 9))) })
		}
		wg.Wait()
		return float64(goroutines) * each / time.Since(began).Seconds()
	}
	observing := func(rng *rand.Rand) {
		for range each {
			n.Observe(rng.Float64())
		}
	}
	arithmetic := func(rng *rand.Rand) {
		sum := 0.0
		for range 6 * each { // takes about as long
			sum += rng.Float64()
		}
		if sum < 0 {
			b.Error("sum is negative")
		}
	}
	var observed, computed []float64
	for b.Loop() {
		observed = append(observed, run(2, observing)/run(1, observing))
		computed = append(computed, run(2, arithmetic)/run(1, arithmetic))
	}
	median := func(v []float64) float64 { slices.Sort(v); return v[len(v)/2] }
	b.ReportMetric(median(observed), "observing-x")
	b.ReportMetric(median(computed), "arithmetic-x")
}

// TestShape says how texts are written; the numbers are counted by hand.
func TestShape(t *testing.T) {
	f, err := psi.NewTextFeatures(nil, &psi.TextOptions{Risky: []string{"outage"}, Shape: true})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]map[string]float64{
		"": {},
		"OUTAGE in 42 shops!": {
			"text_length": 19, "token_count": 4, "risky_token_count": 1, "mean_token_length": 15.0 / 4, "risky_token_ratio": 0.25,
			"digit_ratio": 2.0 / 19, "upper_case_ratio": 6.0 / 19, "punctuation_ratio": 1.0 / 19,
		},
		"Ä٣€\xff": { // a letter, a digit, a symbol, a byte that is nothing
			"text_length": 4, "token_count": 1, "mean_token_length": 4,
			"digit_ratio": 0.25, "upper_case_ratio": 0.25, "punctuation_ratio": 0.25, "non_ascii_ratio": 1,
		},
		"\t\n": {"text_length": 2},
	} {
		got := map[string]float64{}
		ind, val := f.AppendFeatures(nil, nil, text)
		for k, i := range ind {
			got[f.FeatureName(int(i))] = val[k]
		}
		if diff := cmp.Diff(want, got); diff != "" || !slices.IsSorted(ind) {
			t.Errorf("features of %q (-want +got):\n%s", text, diff)
		}
	}
}
