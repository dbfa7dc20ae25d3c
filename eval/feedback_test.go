package eval_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/riskkit/riskkit/eval"
)

func TestJoiner(t *testing.T) {
	start := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	var got []eval.Labelled
	j, err := eval.NewJoiner(func(l eval.Labelled) { got = append(got, l) }, &eval.JoinerOptions{Horizon: 7 * 24 * time.Hour, Capacity: 3})
	if err != nil {
		t.Fatal(err)
	}
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	proba := []float64{0.2, 0.8}
	must(
		j.Answer(eval.Answered{ID: "a", At: day(0), Level: 1, Proba: proba}),
		j.Answer(eval.Answered{ID: "b", At: day(1), Level: 0, Reviewed: 0.25}),
		j.Label("a", 0, day(1)), // changed
		j.Label("a", 1, day(7)), // on the last day
		j.Label("a", 1, day(7)), // again
		j.Label("a", 0, day(8)), // late
		j.Label("x", 0, day(8)), // of nothing
		j.Answer(eval.Answered{ID: "a", At: day(2), Level: 0}),
	)
	proba[0] = 9 // it was copied
	j.Mature(day(7))
	if len(got) != 0 || j.Waiting() != 2 {
		t.Errorf("%v matured, %d wait", got, j.Waiting())
	}
	j.Mature(day(7).Add(1))
	want := eval.Labelled{Answered: eval.Answered{ID: "a", At: day(0), Level: 1, Proba: []float64{0.2, 0.8}}, Truth: 1, LabelledAt: day(7)}
	if diff := cmp.Diff([]eval.Labelled{want}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(j.Label("b", 1, day(2)))
	for _, id := range []string{"c", "d", "e"} { // b must make room
		must(j.Answer(eval.Answered{ID: id, At: day(3)}))
	}
	if len(got) != 2 || got[1].ID != "b" || got[1].Weight() != 4 || got[0].Weight() != 1 {
		t.Errorf("joined %+v", got)
	}
	j.Mature(day(100))
	counts := eval.JoinerCounts{Answers: 6, Repeated: 1, Joined: 2, Unlabelled: 3, Early: 1, Late: 1, Unmatched: 1, Duplicate: 1, Changed: 1}
	if diff := cmp.Diff(counts, j.Counts()); diff != "" || j.Waiting() != 0 {
		t.Errorf("%d wait (-want +got):\n%s", j.Waiting(), diff)
	}
	for name, err := range map[string]error{
		"no id":    j.Answer(eval.Answered{At: day(0)}),
		"reviewed": j.Answer(eval.Answered{ID: "f", Reviewed: 1.1}),
		"NaN":      j.Answer(eval.Answered{ID: "f", Reviewed: math.NaN()}),
		"hardly":   j.Answer(eval.Answered{ID: "f", Reviewed: 5e-324}),
		"level":    j.Label("f", -1, day(0)),
		"options":  second(eval.NewJoiner(func(eval.Labelled) {}, &eval.JoinerOptions{Horizon: -1})),
		"nowhere":  second(eval.NewJoiner(nil, nil)),
	} {
		if !errors.Is(err, eval.ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestJoinerAccounts holds that every answer is waiting, joined, unlabelled or
// repeated, whatever comes, and that memory stays within its bound.
func TestJoinerAccounts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	joined := int64(0)
	j, err := eval.NewJoiner(func(eval.Labelled) { joined++ }, &eval.JoinerOptions{Horizon: time.Hour, Capacity: 15})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	for range 20_000 {
		now = now.Add(time.Duration(rng.IntN(200)) * time.Second)
		id := fmt.Sprint(rng.IntN(300))
		switch rng.IntN(4) {
		case 0:
			j.Mature(now)
		case 1:
			err = j.Label(id, rng.IntN(3), now)
		default:
			err = j.Answer(eval.Answered{ID: id, At: now})
		}
		if err != nil {
			t.Fatal(err)
		}
		if j.Waiting() > 15 {
			t.Fatalf("%d wait", j.Waiting())
		}
	}
	c := j.Counts()
	if sum := c.Joined + c.Unlabelled + c.Repeated + int64(j.Waiting()); sum != c.Answers || c.Joined != joined || joined == 0 || c.Early == 0 {
		t.Errorf("%+v, %d waiting, %d joined", c, j.Waiting(), joined)
	}
}

// TestWeights reviews one in ten of the easy answers and all of the hard ones:
// plainly counted, accuracy is far off; weighted, it is not.
func TestWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	var plain, weighted, n, weights, real, all float64
	j, err := eval.NewJoiner(func(l eval.Labelled) {
		n++
		weights += l.Weight()
		if l.Truth == l.Level {
			plain++
			weighted += l.Weight()
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Unix(0, 0)
	for i := range 20_000 {
		right, reviewed := 0.9, 0.1
		if i%4 == 0 {
			right, reviewed = 0.5, 1
		}
		truth := 0
		if rng.Float64() >= right {
			truth = 1
		} else {
			real++
		}
		all++
		id := fmt.Sprint(i)
		if err := j.Answer(eval.Answered{ID: id, At: start, Reviewed: reviewed}); err != nil {
			t.Fatal(err)
		}
		if rng.Float64() < reviewed {
			if err := j.Label(id, truth, start); err != nil {
				t.Fatal(err)
			}
		}
	}
	j.Mature(start.AddDate(1, 0, 0))
	t.Logf("accuracy is %.3f, of those reviewed %.3f, weighted %.3f", real/all, plain/n, weighted/weights)
	if math.Abs(weighted/weights-real/all) > 0.02 || math.Abs(plain/n-real/all) < 0.1 {
		t.Errorf("accuracy is %.3f, of those reviewed %.3f, weighted %.3f", real/all, plain/n, weighted/weights)
	}
}

// TestJoinerRestarts writes and reads a Joiner after one call in ten; one that
// never stops must join the same.
func TestJoinerRestarts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	o := &eval.JoinerOptions{Horizon: time.Hour, Capacity: 40}
	var got, want []eval.Labelled
	always, err := eval.NewJoiner(func(l eval.Labelled) { want = append(want, l) }, o)
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() *eval.Joiner {
		j, err := eval.NewJoiner(func(l eval.Labelled) { got = append(got, l) }, o)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j, now := fresh(), time.Unix(1_700_000_000, 0).UTC()
	for i := range 3000 {
		if rng.IntN(10) == 0 {
			data, err := json.Marshal(j)
			if err != nil {
				t.Fatal(err)
			}
			j = fresh()
			if err := json.Unmarshal(data, j); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Duration(rng.IntN(200)) * time.Second)
		id, what, level := fmt.Sprint(max(0, i-rng.IntN(20))), rng.IntN(4), rng.IntN(3)
		a := eval.Answered{ID: id, At: now, Level: level, Proba: []float64{0.1, 0.2, 0.7}, Reviewed: float64(level) / 2}
		for _, j := range []*eval.Joiner{j, always} {
			switch what {
			case 0:
				j.Mature(now)
			case 1:
				err = errors.Join(err, j.Label(id, level, now))
			default:
				err = errors.Join(err, j.Answer(a))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || j.Counts() != always.Counts() || j.Waiting() != always.Waiting() || len(got) == 0 {
		t.Errorf("joined %d, %+v, want %d, %+v; (-never stopped +restarted)\n%s", len(got), j.Counts(), len(want), always.Counts(), diff)
	}
}

func TestJoinerRefuses(t *testing.T) {
	j, err := eval.NewJoiner(func(eval.Labelled) {}, &eval.JoinerOptions{Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range map[string]eval.Answered{
		"no id": {}, "not UTF-8": {ID: "\xff"}, "level": {ID: "a", Level: -1}, "NaN": {ID: "a", Proba: []float64{math.NaN()}},
		"reviewed": {ID: "a", Reviewed: 1.1}, "hardly ever": {ID: "a", Reviewed: 1e-300},
	} {
		if err := j.Answer(a); !errors.Is(err, eval.ErrInput) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	if err := j.Answer(eval.Answered{ID: "kept"}); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		"no JSON": "", "counts": `{"waiting":[{"id":"a"}],"counts":{}}`, "negative": `{"waiting":[],"counts":{"answers":1,"joined":-1,"unlabelled":2}}`,
		"too many": `{"waiting":[{"id":"a"},{"id":"b"}],"counts":{"answers":2}}`, "no id": `{"waiting":[{"id":""}],"counts":{"answers":1}}`,
		"truth": `{"waiting":[{"id":"a","truth":-1}],"counts":{"answers":1}}`,
	} {
		if err := j.UnmarshalJSON([]byte(data)); !errors.Is(err, eval.ErrInput) || j.Waiting() != 1 {
			t.Errorf("%s: error is %v, %d wait", name, err, j.Waiting())
		}
	}
	if err := new(eval.Joiner).UnmarshalJSON([]byte(`{"waiting":[],"counts":{}}`)); !errors.Is(err, eval.ErrInput) {
		t.Errorf("one that NewJoiner did not make: %v", err)
	}
}

// FuzzJoinerJSON feeds anything in: what is taken reads back as itself, and goes
// on.
func FuzzJoinerJSON(f *testing.F) {
	for _, s := range []string{``, `{}`, `{"waiting":[{"id":"a","at":"2024-06-01T00:00:00Z","level":1,"proba":[0.2,0.8],"reviewed":0.5,"truth":0}],"counts":{"answers":1}}`,
		`{"waiting":[{"id":"a"},{"id":"a"}],"counts":{"answers":2}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := eval.NewJoiner(func(eval.Labelled) {}, &eval.JoinerOptions{Capacity: 10})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.UnmarshalJSON(data); err != nil {
			if !errors.Is(err, eval.ErrInput) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		written, err := j.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := j.UnmarshalJSON(written); err != nil {
			t.Fatalf("reading what was written, %s: %v", written, err)
		}
		if again, err := j.MarshalJSON(); err != nil || string(again) != string(written) {
			t.Errorf("written %s, again %s, error %v", written, again, err)
		}
		j.Mature(time.Unix(1<<40, 0))
	})
}

func BenchmarkJoiner(b *testing.B) {
	j, err := eval.NewJoiner(func(eval.Labelled) {}, &eval.JoinerOptions{Capacity: 1000})
	if err != nil {
		b.Fatal(err)
	}
	ids := make([]string, 4000)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	p, i := []float64{0.2, 0.3, 0.5}, 0
	for b.Loop() {
		id := ids[i%len(ids)]
		i++
		if err := j.Answer(eval.Answered{ID: id, Proba: p}); err != nil {
			b.Fatal(err)
		}
		if err := j.Label(id, 1, time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}
